"""From the measurements of all processes to a report: aggregation, audio audit, problems, metrics."""
