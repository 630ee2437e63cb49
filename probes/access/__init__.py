"""`sherpa-probe access`: checks whether a key can open a session, layer by layer."""
