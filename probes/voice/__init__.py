"""One voice session in any protocol: the service's own or the bridge's."""
