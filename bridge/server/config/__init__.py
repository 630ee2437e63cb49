"""The settings of `sherpa-bridge serve`: the table of options, how they are resolved and checked, and TLS."""
