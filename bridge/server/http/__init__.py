"""Plain HTTP: health, readiness and error responses."""
