"""How many callers a target can handle, and what that means for a fleet."""
