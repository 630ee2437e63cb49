"""The GA, beta and translation dialects as values, and how to tell them apart."""
