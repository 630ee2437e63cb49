"""Errors in the service's own words: error frames, close codes, HTTP bodies."""
