"""Report files: written as a whole, read back, merged."""
