"""The lint rules, one module per topic, and the patterns that they are built from."""
