"""Renderings of a report, one module per format."""
