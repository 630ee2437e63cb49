"""The processes of a bridge: a worker, the supervisor of several workers, and metrics over all of them."""
