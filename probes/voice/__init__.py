"""Clients of one voice session: in the Realtime API itself, or in the client protocol of a bridge."""
