"""How often something happens: waits between attempts, token buckets, openings, and the window of one error."""
