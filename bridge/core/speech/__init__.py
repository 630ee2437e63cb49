"""The speech that went upstream and is not answered yet: what of it is kept, and its bytes."""
