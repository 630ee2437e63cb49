"""The client protocol: what a voice client and a bridge say to each other, stated once.

Pure: no sockets, no clock, no log. The server validates with these tables, the probes audit other bridges with them,
and the simulation, the probes and the load tests speak through the same sans-I/O client (`client.py`).
"""
