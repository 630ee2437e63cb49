"""The user's options of a run, and the checks that need nothing but the option itself. Pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULT_MODEL = "gpt-realtime-2.1"
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")
_SCHEMES = ("ws", "wss", "http", "https")
_ORIGIN = re.compile(r"https?://[\w.\-\[\]:]+", re.ASCII)


class PlanError(ValueError):
    """The run is not possible as requested; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The user's options. The scenario supplies what is left out."""

    scenario: str
    url: str = ""
    users: int | None = None
    spawn_rate: float | None = None
    duration: str | None = None
    budgets: tuple[str, ...] = ()
    default_budgets: bool = True
    endpoint: str | None = None
    chunk_ms: int | None = None
    model: str = DEFAULT_MODEL
    token_env: str | None = None
    origin: str | None = None
    """The `Origin` header of the callers; None sends none."""
    control_url: str | None = None
    deploy_command: str | None = None
    echo: bool = False
    """The service behind the target echoes what it receives."""
    memory_known: bool = False
    """The command that starts the run monitors the target's memory."""
    permitted: bool = False


def suggestion(name: str, names: Iterable[str]) -> str:
    """Return a similar name, or all known ones, as the end of a message."""
    matches = get_close_matches(name, list(names), n=1)
    return f": did you mean {matches[0]}?" if matches else f"; available: {', '.join(names)}"


def parse_duration(text: str) -> float:
    """Parse `90`, `30s`, `5m`, `1h30m` into seconds. Raises PlanError."""
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None or not any(match.groups()):
        raise PlanError(f"--duration: {text!r} is not a duration; for example: 30s, 5m or 1h30m")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def checked_url(url: str) -> str:
    """Return the target's URL with a scheme. Raises PlanError."""
    if not url:
        raise PlanError("no target: pass --target URL or --simulate")
    full_url = url if "://" in url else f"ws://{url}"
    try:
        parts = urlsplit(full_url)
        is_valid = parts.scheme in _SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise PlanError(
            f"--target: {_without_secrets(url)!r} is not the address of a bridge; for example: ws://127.0.0.1:8765"
        )
    if parts.username or parts.password:
        raise PlanError("--target: the URL contains a password; pass the token in a variable: --client-token-env NAME")
    return full_url


def _without_secrets(url: str) -> str:
    """Remove anything that may be a secret."""
    return re.sub(r"//[^/@]*@", "//...@", url.partition("?")[0])[:100]


def checked_users(users: int) -> int:
    """Return the number of callers. Raises PlanError for less than one."""
    if users < 1:
        raise PlanError(f"--users: {users} is too small; the minimum is 1")
    return users


def check_command(command: str | None) -> None:
    """Check that a deploy command can be parsed. Raises PlanError."""
    try:
        arguments = shlex.split(command) if command is not None else ["none"]
    except ValueError as error:
        raise PlanError(f"--deploy-command: it can't be parsed: {str(error).lower()}") from None
    if not arguments:
        raise PlanError("--deploy-command: it is empty")


def origin_header(origin: str | None) -> tuple[str, ...]:
    """Return the `Origin` header, or none. Raises PlanError."""
    if origin is None:
        return ()
    if not _ORIGIN.fullmatch(origin):
        raise PlanError(f"--origin: {origin[:100]!r} is not an origin; for example: https://app.example.com")
    return (f"Origin: {origin}",)


def token_header(token_env: str | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the header with the client token from this variable, or none. Raises PlanError."""
    if token_env is None:
        return ()
    token = environment.get(token_env, "").strip()
    if not token:
        raise PlanError(f"--client-token-env: the variable {token_env[:60]} is not set")
    if not token.isprintable() or not token.isascii():
        raise PlanError(f"--client-token-env: {token_env[:60]} is not a token: it contains invalid characters")
    return (f"Authorization: Bearer {token}",)
