"""What `sherpa-load` without arguments says: whether it can run, whom it could load, and what to type next."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from bridge.config.surroundings import BRIDGE_PORT, is_listening, listener_row, title
from reports.first_steps import FirstSteps
from reports.provenance import installed_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.config.surroundings import Row

TOOL = "sherpa-load"


def first_steps(listens: Callable[[int], bool] = is_listening) -> FirstSteps:
    """Look around; nothing leaves this machine. `listens` says whether something listens on a port of loopback."""
    listening = listens(BRIDGE_PORT)
    installed = find_spec("locust") is not None
    facts = (
        ("Locust", "installed" if installed else "not installed: load tests need the extra [load]"),
        ("processors", str(os.cpu_count() or 1)),
        listener_row("bridge", BRIDGE_PORT, listening=listening),
    )
    return FirstSteps(title(TOOL, installed_version()), facts, tuple(_steps(installed=installed, listening=listening)))


def _steps(*, installed: bool, listening: bool) -> Iterator[Row]:
    if not installed:
        yield "pip install 'sherpa-realtime[load]'", "installs what load tests need"
    yield f"{TOOL} list", "lists the scenarios, and what makes each fail"
    yield f"{TOOL} run reconnect-storm --simulate", "runs one against our own bridge and a simulator"
    target = f"ws://127.0.0.1:{BRIDGE_PORT}" if listening else "ws://HOST:PORT"
    yield f"{TOOL} run reconnect-storm --target {target}", "runs it against your bridge"
    yield f"{TOOL} capacity --target {target}", "searches for the number of callers it can handle"
    yield f"{TOOL} --help", "lists all commands"
