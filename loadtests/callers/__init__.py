"""The callers: what one sends, how it reads the bridge's frames, and what it measures."""
