"""One simulated session without I/O: frames and times in, server events and a close out. Start at `session.py`."""
