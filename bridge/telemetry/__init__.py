"""What the bridge reports about itself: log lines, metrics, traces. Never content or a key."""
