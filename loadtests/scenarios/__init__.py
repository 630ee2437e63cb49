"""The table of scenarios, the plan of a run, and the safety checks before it starts."""
