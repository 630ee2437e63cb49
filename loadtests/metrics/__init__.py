"""Measurements: their names, histograms, the recorders that callers write to, and budgets."""
