"""A scripted voice session: played (player), recorded (recorder, facts), checked and judged (checks, verdict)."""
