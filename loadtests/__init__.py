"""Load tests on Locust: scenarios that stress reconnection and error throttling, and a search for the capacity limit.

Locust runs on gevent and patches the process at import, so nothing here imports trio: the bridge and the simulator of
`--simulate` run as child processes.
"""
