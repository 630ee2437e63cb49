"""A stand-in for the Realtime API, true to the recorded behaviour, with faults on demand."""
