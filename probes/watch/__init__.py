"""`sherpa-probe watch`: runs probes at an interval, prints a line for each run, and serves metrics."""
