"""`sherpa-probe events`: the right events in the right order, live or from a capture."""
