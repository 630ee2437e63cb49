"""The REST fallback: the client protocol over plain HTTP requests, for clients whose network blocks WebSockets."""
