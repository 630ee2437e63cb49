"""Requests to the simulator's control API and to the target's plain HTTP endpoints."""
