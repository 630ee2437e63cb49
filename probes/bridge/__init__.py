"""`sherpa-probe bridge`: whether a bridge works from end to end."""
