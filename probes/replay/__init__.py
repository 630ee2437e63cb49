"""The command `replay`: plays one side of a recorded session again and compares what the other side sends."""
