"""What the Realtime API says: pure data and pure functions. No I/O, no clock, no environment."""
