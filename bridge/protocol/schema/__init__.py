"""What a session, a response or an item may hold, with the service's own error codes."""
