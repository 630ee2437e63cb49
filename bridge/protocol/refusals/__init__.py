"""What each HTTP status, close code and error code means."""
