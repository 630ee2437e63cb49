"""The client endpoint and the native endpoint: WebSocket frames to core events, core commands to frames, and limits."""
