"""Every finding code with its cause and fix."""
