"""The network layer: links (WebSocket connections), their codec, and a server for HTTP and WebSocket on one port."""
