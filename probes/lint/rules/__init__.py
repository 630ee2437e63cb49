"""The lint rules, one module per topic."""
