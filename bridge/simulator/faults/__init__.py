"""Faults on demand: what each does to a connection, and the scenarios made of them."""
