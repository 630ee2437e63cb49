"""`sherpa-probe models`: which models a key can use, and which retire."""
