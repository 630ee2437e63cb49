"""`sherpa-probe access`: whether this key can open a session here."""
