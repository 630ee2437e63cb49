"""What a bridge decides: sans-I/O, no clock, no log, no environment, no tasks. Standard library only."""
