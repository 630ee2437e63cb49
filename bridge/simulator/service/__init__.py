"""The simulated service on a port: REST, WebSockets, admission, the journal and the control API."""
