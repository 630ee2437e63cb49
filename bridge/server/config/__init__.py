"""The options and settings of `sherpa-bridge serve`."""
