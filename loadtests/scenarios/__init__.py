"""The scenarios, and what is checked before one runs."""
