"""Finding and reading what is checked: files in folders, code inside pages and notebooks, the project around it."""
