"""The bridge and what it stands on: protocol, transport, upstream, simulator. Importing it imports nothing."""
