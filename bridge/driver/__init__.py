"""The interpreter of the core's commands: one nursery per session, every socket and timer."""
