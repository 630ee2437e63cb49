"""From measurements to a report."""
