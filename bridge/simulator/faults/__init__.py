"""Faults and scenarios: what can go wrong, by name (`registry`, `scenarios`), and how it is applied (`pipeline`)."""
