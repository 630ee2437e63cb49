"""Who may connect, and how many sessions run."""
