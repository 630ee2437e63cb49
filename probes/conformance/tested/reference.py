"""The command that starts the reference bridge. Nothing else of the suite knows that there is one."""

from __future__ import annotations

import os

from probes.conformance.tested.bridges import StartCommand
from sherpa_realtime import python_command


def reference_bridge() -> StartCommand:
    """Return the start command of the reference bridge, with default settings whatever the folder has."""

    def arguments(port: int) -> list[str]:
        options = ("--host", "127.0.0.1", "--port", str(port), "--config", os.devnull, "--log-format", "json")
        return python_command("bridge.server.cli", "serve", *options)

    return StartCommand("reference bridge", arguments)
