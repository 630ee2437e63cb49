"""The targets of probes: a service, a bridge, or an embedded simulator of either."""
