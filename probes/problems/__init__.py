"""The problems that probes report, by topic: finding codes with title, cause and fix.

What the service itself refuses (ACCESS-NO-QUOTA, ACCESS-KEY-REFUSED, ...) is in `bridge/protocol/refusals/`.
"""
