"""What is measured: names, histograms, budgets."""
