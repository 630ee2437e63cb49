"""How often something happens: the waits between attempts, and the window in which a client gets one error."""
