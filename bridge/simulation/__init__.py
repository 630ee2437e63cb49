"""The whole bridge in one process on a virtual clock: callers, faulty links, the real server and driver, the simulator.

Every run is made from one seed and can be made again from it. Nothing here serves anybody.
"""
