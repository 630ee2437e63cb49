"""Locust's users, options and event hooks."""
