"""The two peers of the bridge under test that the suite itself is: its clients and its upstream, and their log."""
