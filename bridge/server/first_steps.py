"""What `sherpa-bridge` without arguments says: what it finds on this machine, and what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.config.surroundings import BRIDGE_PORT, Surroundings, is_listening, listener_row, set_variable, title
from reports.first_steps import FirstSteps
from reports.provenance import installed_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from bridge.config.surroundings import Row

TOOL = "sherpa-bridge"


def first_steps(
    environment: Mapping[str, str], folder: Path, listens: Callable[[int], bool] = is_listening
) -> FirstSteps:
    """Look around; nothing leaves this machine. `listens` says whether something listens on a port of loopback."""
    listening = listens(BRIDGE_PORT)
    found = Surroundings(environment, folder)
    facts = (*found.rows(), listener_row("port", BRIDGE_PORT, listening=listening))
    return FirstSteps(title(TOOL, installed_version()), facts, tuple(_steps(found, listening=listening)))


def _steps(found: Surroundings, *, listening: bool) -> Iterator[Row]:
    port = " --port 0" if listening else ""
    if found.error:
        yield f"{TOOL} check-config", "says what is wrong with the settings"
    elif found.has_key:
        yield f"{TOOL} serve{port}", "serves voice clients, SDKs and a web page"
    yield f"{TOOL} serve --simulate{port}", "needs no key: a simulator is behind it"
    if not found.error and not found.has_key:
        yield (
            set_variable(found.missing_key or "OPENAI_API_KEY", "sk-..."),
            f"then {TOOL} serve uses the service",
        )
    if not found.error:
        yield f"{TOOL} check-config", "shows the settings that serve would use"
    yield "sherpa-probe bridge --url URL", "checks a running bridge, end to end"
    yield f"{TOOL} --help", "lists all commands"
