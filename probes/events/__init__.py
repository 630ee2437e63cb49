"""`sherpa-probe events`: checks the events of a session and their order, live or in a capture file."""
