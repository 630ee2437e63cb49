"""`sherpa-probe lint`: rules about known mistakes in code that uses the Realtime API, matching and fixing them."""
