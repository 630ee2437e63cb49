"""What a client connection takes: tokens, money as far as prices are known, and the limits of both."""
