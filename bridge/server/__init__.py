"""The bridge's front: one port, two doors, and everything that is decided before a client gets a session."""
