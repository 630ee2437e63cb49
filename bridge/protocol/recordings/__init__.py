"""Recorded sessions: the format of their files, what a frame stands for, and playing one side of a session again."""
