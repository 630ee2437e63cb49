"""The client endpoint and the native endpoint: WebSocket messages to and from the core."""
