"""What a probe is pointed at: the service, a bridge, the simulator."""
