"""What a file says as a whole: whose service it uses, where values go, and which events it handles. No rules."""
