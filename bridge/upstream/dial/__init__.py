"""Opening the upstream WebSocket: name, TCP, proxy, TLS, upgrade."""
