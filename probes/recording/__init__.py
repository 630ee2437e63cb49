"""Capture files: a recorded session, by default without its content."""
