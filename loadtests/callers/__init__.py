"""One caller: what it says, hears and waits for."""
