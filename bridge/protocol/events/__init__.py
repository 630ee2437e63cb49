"""Every event with its fields, and an event's type without a full parse."""
