"""A simulator of the Realtime API that behaves as recorded, with faults on demand.

`session/` is one session without I/O, `faults/` what can go wrong, `service/` REST and WebSockets on a port, `errors/`
the wording of errors. Use `embedded` from a program and `sherpa-sim` (`cli`) from a terminal.
"""
