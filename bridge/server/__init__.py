"""The reference bridge as a server: one port with a client endpoint and a native endpoint, and how it is run."""
