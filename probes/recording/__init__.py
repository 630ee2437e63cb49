"""Captures: what is kept of a session, without its content."""
