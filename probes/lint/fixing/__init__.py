"""Fixing: edits of a text, whether the result is sound, and writing it."""
