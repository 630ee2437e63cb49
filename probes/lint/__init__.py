"""Known mistakes in source code that speaks the Realtime API: rules, and what finds and mends them."""
