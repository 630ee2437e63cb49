"""The conformance suite: client and upstream of any bridge at once, it judges whether it keeps the client protocol."""
