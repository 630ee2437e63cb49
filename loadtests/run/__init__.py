"""`sherpa-load run`: the stack, Locust's process, and the files it writes."""
