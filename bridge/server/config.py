"""The bridge's configuration: flags, `SHERPA_BRIDGE_*` variables, `[bridge]` of sherpa.toml, defaults, in this order.

The upstream's part (URL, key, dialect, model) is `bridge.config`'s, shared with the probes. Everything wrong is said in
one line that names its place; ConfigError is exit code 2.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bridge.config import ConfigError, Flags, read_config
from bridge.key_source import key_from_environment
from bridge.server.native_messages import LOCKABLE
from bridge.server.options import OPTIONS, Option
from bridge.server.rates import RateLimits
from bridge.server.settings import LOOPBACK, BridgeSettings, ClientRules, House
from bridge.settings_file import FILE_NAME, SettingsFile, did_you_mean, read_settings_file
from bridge.telemetry.log import LogFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.secret import Secret
    from bridge.server.native_messages import Locked

__all__ = ["BridgeFlags", "ConfigError", "Found", "read_bridge_settings", "tls_context"]

#: A token that can be guessed guards nothing.
_SHORTEST_TOKEN = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeFlags:
    """What the command line said: options by their key in the file, and the upstream's own."""

    given: Mapping[str, object]
    upstream: Flags = field(default_factory=Flags)
    simulate: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A value and the place it came from, for messages."""

    value: Any
    source: str


def read_bridge_settings(flags: BridgeFlags, environment: Mapping[str, str], folder: Path) -> BridgeSettings:
    """Put the settings together. `folder` is where sherpa.toml is looked for. Raises ConfigError."""
    path = flags.upstream.config
    file = read_settings_file(path or folder / FILE_NAME, must_exist=path is not None)
    found = {key: _find(key, option, flags, environment, file) for key, option in OPTIONS.items()}
    clients = _clients(found, environment)
    _check_exposure(found, clients)
    _check_tls(found)
    upstream = read_config(flags.upstream, environment, folder, with_key=flags.simulate is None)
    values = {key: one.value for key, one in found.items()}
    return BridgeSettings(
        host=values["host"],
        port=values["port"],
        clients=clients,
        house=House(
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
    )


def _find(key: str, option: Option, flags: BridgeFlags, environment: Mapping[str, str], file: SettingsFile) -> Found:
    """Take the first that says something, and check it."""
    given = flags.given.get(key)
    if given is not None and given != ():
        return _checked(option, given, f"--{key.replace('_', '-')}")
    variable = f"SHERPA_BRIDGE_{key.upper()}"
    if environment.get(variable, "").strip():
        return _checked(option, option.from_text(environment[variable].strip(), variable), variable)
    if ("bridge", key) in file.values:
        return _checked(option, file.values["bridge", key], file.where("bridge", key))
    return Found(option.default, "default")


def _checked(option: Option, value: object, source: str) -> Found:
    return Found(option.check(value, source), source)


# Clients


def _clients(found: Mapping[str, Found], environment: Mapping[str, str]) -> ClientRules:
    return ClientRules(
        origins=tuple(_origin(text, found["allow_origin"].source) for text in found["allow_origin"].value),
        token=_token(found["client_token_env"], environment),
        max_sessions=found["max_sessions"].value,
        sessions_per_ip=found["sessions_per_ip"].value,
        trusted_proxies=tuple(found["trusted_proxies"].value),
        locked=_locked(found["locked"]),
        max_message_bytes=found["max_message_bytes"].value,
        rates=_rates(found),
    )


def _rates(found: Mapping[str, Found]) -> RateLimits:
    n_bytes, frames = float(found["bytes_per_second"].value), float(found["frames_per_second"].value)
    usual = RateLimits()
    return RateLimits(
        bytes_per_second=n_bytes,
        bytes_at_once=n_bytes * usual.bytes_at_once / usual.bytes_per_second,
        frames_per_second=frames,
        frames_at_once=frames * usual.frames_at_once / usual.frames_per_second,
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


def _token(named: Found, environment: Mapping[str, str]) -> Secret | None:
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


def _locked(found: Found) -> Locked:
    for name in found.value:
        if name not in LOCKABLE:
            raise ConfigError(f"{found.source}: {name!r} cannot be locked{did_you_mean(name, tuple(LOCKABLE))}")
    return frozenset(found.value)


# What must not happen


def _check_exposure(found: Mapping[str, Found], clients: ClientRules) -> None:
    """Refuse to be a stranger's way to the key."""
    host = found["host"].value
    if host not in LOOPBACK and clients.token is None and not found["allow_anonymous"].value:
        raise ConfigError(
            f"{found['host'].source}: {host} can be reached from elsewhere, and nothing asks clients who they are: name"
            " a token's variable with --client-token-env NAME, or say --allow-anonymous"
        )


def _check_tls(found: Mapping[str, Found]) -> None:
    cert, key = found["tls_cert"], found["tls_key"]
    if (cert.value is None) != (key.value is None):
        there, missing = (cert, "--tls-key") if cert.value else (key, "--tls-cert")
        raise ConfigError(f"{there.source}: needs {missing} beside it")
    if cert.value is not None:
        tls_context(cert.value, key.value)


def tls_context(cert: str, key: str) -> ssl.SSLContext:
    """Load the certificate: TLS 1.2 and later, HTTP/1.1 only. Raises ConfigError."""
    for name, path in (("--tls-cert", cert), ("--tls-key", key)):
        if not Path(path).is_file():
            raise ConfigError(f"{name}: there is no file {path}")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ConfigError(f"--tls-cert, --tls-key: {cert} and {key} cannot be used: {_why(error)}") from None
    return context


def _no_password() -> str:
    """Nobody is there to type one; without this OpenSSL would ask the terminal."""
    raise ValueError("the key is protected by a password")


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "no PEM file").replace("_", " ").lower()
    return str(error)
