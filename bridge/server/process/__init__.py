"""Worker processes, their supervisor, and metrics over all of them."""
