"""The problems that probes report, by topic: finding codes with title, cause and fix."""
