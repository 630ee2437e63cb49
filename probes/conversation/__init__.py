"""A scripted voice session: played, recorded, judged."""
