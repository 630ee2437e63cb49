"""The command `record`: a proxy that records the WebSockets that pass through it."""
