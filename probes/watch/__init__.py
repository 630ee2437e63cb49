"""`sherpa-probe watch`: the same probes again and again, as metrics."""
