"""The renderings of a report, one module per format; `registry.py` lists them."""
