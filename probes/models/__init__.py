"""`sherpa-probe models`: lists the realtime models that a key can use, and which of them retire."""
