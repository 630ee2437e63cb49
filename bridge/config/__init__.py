"""Settings: one frozen value, read once from flags, environment and sherpa.toml, each setting with its source."""
