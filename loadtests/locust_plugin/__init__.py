"""Everything that plugs into Locust: user classes, options, event hooks, and the actions of a scenario."""
