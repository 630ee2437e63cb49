"""The comparison of two reports, and its renderings."""
