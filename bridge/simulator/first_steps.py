"""What `sherpa-sim` without arguments says: whether its port is free, and what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.config.surroundings import SIMULATOR_PORT, is_listening, listener_row, set_variable, title
from reports.first_steps import FirstSteps
from reports.provenance import installed_version

if TYPE_CHECKING:
    from collections.abc import Callable

TOOL = "sherpa-sim"


def first_steps(listens: Callable[[int], bool] = is_listening) -> FirstSteps:
    """Look around; nothing leaves this machine. `listens` says whether something listens on a port of loopback."""
    facts = (listener_row("port", SIMULATOR_PORT, listening=listens(SIMULATOR_PORT)),)
    steps = (
        (f"{TOOL} serve", "serves a Realtime API until Ctrl-C; any key that starts with sk- works"),
        (f"{TOOL} serve --scenario no-quota", "the same, with a failure for every client"),
        (f"{TOOL} list", "lists scenarios and faults"),
        (set_variable("OPENAI_BASE_URL", f"http://127.0.0.1:{SIMULATOR_PORT}/v1"), "points SDKs there"),
        (f"{TOOL} --help", "lists all commands"),
    )
    return FirstSteps(title(TOOL, installed_version()), facts, steps)
