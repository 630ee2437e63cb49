"""The bridge and what it stands on: protocol, transport, upstream, simulator. Importing this package imports nothing."""
