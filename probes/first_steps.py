"""What `sherpa-probe` without arguments says: what it finds on this machine, and what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.config.surroundings import BRIDGE_PORT, Surroundings, is_listening, listener_row, set_variable, title
from bridge.upstream.dial.url import find_proxy, parse_url
from reports.first_steps import FirstSteps
from reports.provenance import installed_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from bridge.config.surroundings import Row

TOOL = "sherpa-probe"


def first_steps(
    environment: Mapping[str, str], folder: Path, listens: Callable[[int], bool] = is_listening
) -> FirstSteps:
    """Look around; nothing leaves this machine. `listens` says whether something listens on a port of loopback."""
    listening = listens(BRIDGE_PORT)
    found = Surroundings(environment, folder)
    facts = (*found.rows(), *_proxy(found, environment), listener_row("bridge", BRIDGE_PORT, listening=listening))
    return FirstSteps(title(TOOL, installed_version()), facts, tuple(_steps(found, listening=listening)))


def _proxy(found: Surroundings, environment: Mapping[str, str]) -> Iterator[Row]:
    if found.config is None:
        return
    try:
        endpoint = parse_url(found.config.base_url.value)
        proxy = find_proxy(endpoint, environment)
    except ValueError as error:
        yield "proxy", f"can't be used: {error}"
        return
    yield "proxy", f"{proxy.host}:{proxy.port}, for {endpoint.host}" if proxy else "none"


def _steps(found: Surroundings, *, listening: bool) -> Iterator[Row]:
    if found.error:
        yield f"{TOOL} config", "shows each setting with its source, and what is wrong"
    elif found.has_key:
        yield f"{TOOL} access", "checks key, model and network, and opens a session"
        yield f"{TOOL} events --script audio", "speaks a sentence, and checks each event"
    else:
        yield f"{TOOL} access --simulate", "shows a check, against a simulator: no key, no network"
        yield f"{TOOL} access --simulate no-quota", "shows what a failure looks like"
        yield set_variable(found.missing_key or "OPENAI_API_KEY", "sk-..."), f"then {TOOL} access checks your key"
    url = f"ws://127.0.0.1:{BRIDGE_PORT}" if listening else "URL"
    yield f"{TOOL} bridge --url {url}", "checks your bridge, end to end"
    yield f"{TOOL} lint PATH", "finds known mistakes in source code"
    yield f"{TOOL} explain CODE", "says what an error or close code means: 4000, 1013"
    yield f"{TOOL} --help", "lists all commands"
