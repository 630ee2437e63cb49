"""What the responses of a client connection take: tokens, and money as far as prices are known."""
