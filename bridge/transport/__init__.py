"""The seam to the network: links (WebSocket connections) and the door (one port for HTTP and WebSocket)."""
