"""The driver: carries out the core's commands with tasks, sockets and timers, in one nursery per client connection."""
