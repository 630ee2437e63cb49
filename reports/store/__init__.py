"""Reports in files: written, read back, merged."""
