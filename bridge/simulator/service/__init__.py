"""The simulated service on sockets: admission, REST, the journal and the control API."""
