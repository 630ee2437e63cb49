"""One simulated session, without I/O: events and time in, events and closes out."""
