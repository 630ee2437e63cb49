"""The bridge's configuration: flags, `SHERPA_BRIDGE_*` variables, `[bridge]` of sherpa.toml, defaults, in this order.

The upstream's part (URL, key, dialect, model) is `bridge.config.resolve`'s, shared with the probes. Everything that
is wrong is told at once, a line each that names its place; ConfigError is exit code 2.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bridge.config.api_key import key_from_environment
from bridge.config.resolve import ConfigError, Flags, read_config
from bridge.config.toml_file import FILE_NAME, SettingsFile, did_you_mean, read_settings_file
from bridge.server.clients.native_messages import LOCKABLE_FIELDS
from bridge.server.clients.rate_limit import RateLimits
from bridge.server.config.options import OPTIONS, Option
from bridge.server.config.settings import BridgeSettings, ClientRules, SessionDefaults
from bridge.server.config.tls import tls_context
from bridge.telemetry.log import LogFormat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bridge.server.clients.native_messages import LockedFields
    from reports.redaction import Secret

__all__ = [
    "BridgeFlags",
    "ConfigError",
    "SourcedValue",
    "client_token",
    "is_loopback",
    "read_bridge_settings",
    "unknown_variables",
]

#: A token that can be guessed guards nothing.
_SHORTEST_TOKEN = 16

_VARIABLE = "SHERPA_BRIDGE_"
#: What Kubernetes puts into every container beside a service that is called sherpa-bridge; none of it is meant for us.
_KUBERNETES = re.compile(rf"{_VARIABLE}(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_SERVICE_LINK = ("tcp://", "udp://", "sctp://")


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeFlags:
    """What the command line said: options by their key in the file, and the upstream's own."""

    options: Mapping[str, object]
    upstream: Flags = field(default_factory=Flags)
    simulate: str | None = None


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """A value and the place it came from, for messages."""

    value: Any
    source: str


def read_bridge_settings(flags: BridgeFlags, environment: Mapping[str, str], folder: Path) -> BridgeSettings:
    """Put the settings together. `folder` is where sherpa.toml is looked for. Raises ConfigError."""
    path = flags.upstream.config
    file = read_settings_file(path or folder / FILE_NAME, must_exist=path is not None)
    wrong = _Wrong()
    found = {key: _found(wrong, key, option, flags, environment, file) for key, option in OPTIONS.items()}
    clients = _clients(found, environment, wrong)
    with wrong.told():
        _check_exposure(found)
    with wrong.told():
        _check_tls(found)
    with wrong.told():
        upstream = read_config(flags.upstream, environment, folder, with_key=flags.simulate is None)
    wrong.refuse()
    values = {key: one.value for key, one in found.items()}
    return BridgeSettings(
        host=values["host"],
        port=values["port"],
        clients=clients,
        session_defaults=SessionDefaults(
            voice=values["voice"],
            instructions=values["instructions"],
            turn_detection=values["turn_detection"],
            mint=values["mint"],
            prewarm=values["prewarm"],
            rollover=values["rollover"],
        ),
        upstream=upstream,
        simulate=flags.simulate,
        workers=values["workers"],
        tls_cert=values["tls_cert"],
        tls_key=values["tls_key"],
        drain_seconds=values["drain_seconds"],
        log_format=LogFormat(values["log_format"]) if values["log_format"] else None,
        log_level=values["log_level"],
        warnings=(*upstream.warnings, *unknown_variables(environment)),
    )


class _Wrong:
    """What is wrong so far: everything is told at once."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    @contextmanager
    def told(self) -> Iterator[None]:
        """Note what the block finds wrong, and go on behind it."""
        try:
            yield
        except ConfigError as error:
            self._lines += error.lines

    def refuse(self) -> None:
        """Raise ConfigError when anything was wrong."""
        if self._lines:
            raise ConfigError(*self._lines)


def unknown_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Name the variables that look like the bridge's own and are none: no slip of the hand passes in silence."""
    names = [name for name in environment if name.startswith(_VARIABLE) and not _KUBERNETES.fullmatch(name)]
    known = {f"{_VARIABLE}{key.upper()}": None for key in OPTIONS}
    return tuple(f"{name} is no setting{did_you_mean(name, known)}" for name in sorted(names) if name not in known)


def _found(
    wrong: _Wrong, key: str, option: Option, flags: BridgeFlags, environment: Mapping[str, str], file: SettingsFile
) -> SourcedValue:
    """Find a value; a wrong one is noted, and the default looked at further in its place."""
    with wrong.told():
        return _find(key, option, flags, environment, file)
    return SourcedValue(option.default, "default")


def _find(
    key: str, option: Option, flags: BridgeFlags, environment: Mapping[str, str], file: SettingsFile
) -> SourcedValue:
    """Take the first that says something, and check it."""
    given = flags.options.get(key)
    if given is not None and given != ():
        return _checked(option, given, f"--{key.replace('_', '-')}")
    variable = f"{_VARIABLE}{key.upper()}"
    said = environment.get(variable, "").strip()
    if said and not said.startswith(_SERVICE_LINK):
        return _checked(option, option.parse(said, variable), variable)
    if ("bridge", key) in file.values:
        return _checked(option, file.values["bridge", key], file.location("bridge", key))
    return SourcedValue(option.default, "default")


def _checked(option: Option, value: object, source: str) -> SourcedValue:
    return SourcedValue(option.check(value, source), source)


# Clients


def _clients(found: Mapping[str, SourcedValue], environment: Mapping[str, str], wrong: _Wrong) -> ClientRules:
    token, locked, origins = None, frozenset[str](), list[str]()
    for text in found["allow_origin"].value:
        with wrong.told():
            origins.append(_origin(text, found["allow_origin"].source))
    with wrong.told():
        token = client_token(found["client_token_env"], environment)
    with wrong.told():
        locked = _locked(found["locked"])
    return ClientRules(
        origins=tuple(origins),
        token=token,
        max_sessions=found["max_sessions"].value,
        sessions_per_ip=found["sessions_per_ip"].value,
        trusted_proxies=tuple(found["trusted_proxies"].value),
        locked=locked,
        max_message_bytes=found["max_message_bytes"].value,
        rates=_rates(found),
    )


def _rates(found: Mapping[str, SourcedValue]) -> RateLimits:
    n_bytes, frames = float(found["bytes_per_second"].value), float(found["frames_per_second"].value)
    usual = RateLimits()
    return RateLimits(
        bytes_per_second=n_bytes,
        burst_bytes=n_bytes * usual.burst_bytes / usual.bytes_per_second,
        frames_per_second=frames,
        burst_frames=frames * usual.burst_frames / usual.frames_per_second,
    )


_ORIGIN = re.compile(r"https?://[^/?#@\s*]+")


def _origin(text: str, source: str) -> str:
    """Bring an origin into the form that browsers send: lower case, no default port, nothing behind the host."""
    if "*" in text:
        raise ConfigError(f"{source}: {text!r} has a wildcard: name every origin in full, as https://app.example.com")
    short = text.strip().rstrip("/").lower()
    if not _ORIGIN.fullmatch(short):
        raise ConfigError(f"{source}: {text!r} is no origin: write it as https://app.example.com, without a path")
    parts = urlsplit(short)
    default = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.removesuffix(default)}"


def client_token(named: SourcedValue, environment: Mapping[str, str]) -> Secret | None:
    """Read the token that clients show out of the variable that holds it. Raises ConfigError."""
    if named.value is None:
        return None
    found = key_from_environment(named.value, environment)
    if found is None:
        raise ConfigError(f"the environment variable {named.value} (named by {named.source}) is not set")
    if len(found.secret.reveal()) < _SHORTEST_TOKEN:
        raise ConfigError(
            f"the client token in {named.value} has less than {_SHORTEST_TOKEN} characters: make one with"
            " `openssl rand -hex 32`"
        )
    return found.secret


def _locked(found: SourcedValue) -> LockedFields:
    for name in found.value:
        if name not in LOCKABLE_FIELDS:
            raise ConfigError(f"{found.source}: {name!r} cannot be locked{did_you_mean(name, tuple(LOCKABLE_FIELDS))}")
    return frozenset(found.value)


# What must not happen


def _check_exposure(found: Mapping[str, SourcedValue]) -> None:
    """Refuse to be a stranger's way to the key."""
    host = found["host"].value
    if not is_loopback(host) and found["client_token_env"].value is None and not found["allow_anonymous"].value:
        raise ConfigError(
            f"{found['host'].source}: {host} can be reached from elsewhere, and nothing asks clients who they are: name"
            " a token's variable with --client-token-env NAME, or say --allow-anonymous"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _check_tls(found: Mapping[str, SourcedValue]) -> None:
    cert, key = found["tls_cert"], found["tls_key"]
    if (cert.value is None) != (key.value is None):
        there, missing = (cert, "--tls-key") if cert.value else (key, "--tls-cert")
        raise ConfigError(f"{there.source}: needs {missing} beside it")
    if cert.value is not None:
        tls_context(cert.value, key.value, (cert.source, key.source))
