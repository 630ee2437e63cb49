"""The errors of the service, worded as recorded: error events, close codes, HTTP bodies."""
