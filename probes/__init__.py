"""Diagnoses: what is wrong, why, and what to type next."""
