"""Who may connect: origins, tokens and tickets, and limits on the number of sessions."""
