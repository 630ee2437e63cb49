"""The search for the number of callers that a target can handle, and fleet sizes computed from it."""
