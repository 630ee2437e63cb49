"""What a forwarded round trip costs our bridge, compared in one run with relays that other people would write.

Run: python -m benchmarks.relay. `docs/benchmarks.md` explains the figures.
"""
