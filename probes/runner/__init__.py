"""What surrounds every probe: options, target, running checks, output."""
