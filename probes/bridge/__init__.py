"""`sherpa-probe bridge`: checks whether a bridge works, from end to end, as its clients see it."""
