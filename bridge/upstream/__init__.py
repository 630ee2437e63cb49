"""Speaking to the real service: REST minting and dialling its socket."""
