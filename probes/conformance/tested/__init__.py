"""The bridge under test: where it is, and how it is started."""
