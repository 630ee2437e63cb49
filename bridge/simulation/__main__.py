"""`python -m bridge.simulation`: the same as `sherpa-bridge simulate`."""

from bridge.simulation.cli import simulate

if __name__ == "__main__":
    simulate(prog_name="python -m bridge.simulation")
