"""Load tests on Locust: scenarios that hammer reconnection and error throttling, and a search for the limit."""
