"""Configuration: one frozen value, read once from flags, environment and `sherpa.toml`; each setting has a source."""
