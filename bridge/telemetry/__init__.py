"""What the bridge tells about itself: log lines, metrics, traces. Never what was said, never a key."""
