"""Deterministic simulation: callers, faulty links, the bridge and the simulator in one process, on a virtual clock.

A seed decides everything that happens in a run, so the same seed repeats a run exactly. `sherpa-bridge simulate` and
the tests run it; nothing here listens on a socket.
"""
