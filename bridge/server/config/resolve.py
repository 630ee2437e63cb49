"""The bridge's settings: flags, then `SHERPA_BRIDGE_*` variables, then `[bridge]` in sherpa.toml, then defaults.

`bridge.config.resolve` resolves the settings of the upstream (URL, key, dialect, model), which the probes share. All
errors are reported at once, one line each with the place of the setting; ConfigError is exit code 2.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.config.resolve import ConfigError, Flags, read_config
from bridge.config.tls import tls_context
from bridge.config.toml_file import FILE_NAME, SettingsFile, did_you_mean, read_settings_file
from bridge.server.config.client_rules import client_rules
from bridge.server.config.options import OPTIONS, Option
from bridge.server.config.settings import AdminSettings, BridgeSettings, SessionDefaults
from bridge.server.config.sourced_value import ConfigErrors, SourcedValue, client_token
from bridge.telemetry.log import LogFormat

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "BridgeFlags",
    "ConfigError",
    "SourcedValue",
    "is_loopback",
    "read_bridge_settings",
    "unknown_variables",
]

_MAX_PORT = 65_535
_NODE = re.compile(r"[A-Za-z0-9-]{1,40}")
_PREFIX = "SHERPA_BRIDGE_"
#: Variables that Kubernetes sets in every container near a service named sherpa-bridge. They are not settings.
_KUBERNETES = re.compile(rf"{_PREFIX}(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_SERVICE_LINK = ("tcp://", "udp://", "sctp://")


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeFlags:
    """What was set on the command line: the bridge's options by their key in sherpa.toml, and the upstream's."""

    options: Mapping[str, object]
    upstream: Flags = field(default_factory=Flags)
    simulate: str | None = None


def read_bridge_settings(flags: BridgeFlags, environment: Mapping[str, str], folder: Path) -> BridgeSettings:
    """Resolve all settings. sherpa.toml is read from `folder`. Raises ConfigError with every error that was found."""
    path = flags.upstream.config
    file = read_settings_file(path or folder / FILE_NAME, must_exist=path is not None)
    errors = ConfigErrors()
    resolved = {key: _resolve(errors, key, option, flags, environment, file) for key, option in OPTIONS.items()}
    clients = client_rules(resolved, environment, errors)
    with errors.collect():
        _check_exposure(resolved)
    with errors.collect():
        _check_tls(resolved)
    admin = None
    with errors.collect():
        admin = _admin(resolved, environment)
    with errors.collect():
        _check_node(resolved["node"])
    with errors.collect():
        upstream = read_config(flags.upstream, environment, folder, with_key=flags.simulate is None)
    errors.raise_all()
    values = {key: one.value for key, one in resolved.items()}
    return BridgeSettings(
        host=values["host"],
        port=values["port"],
        admin=admin,
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
        node=values["node"],
        tls_cert=values["tls_cert"],
        tls_key=values["tls_key"],
        drain_seconds=values["drain_seconds"],
        page=values["page"],
        log_format=LogFormat(values["log_format"]) if values["log_format"] else None,
        log_level=values["log_level"],
        warnings=(*upstream.warnings, *unknown_variables(environment)),
    )


def _check_node(node: SourcedValue) -> None:
    if not _NODE.fullmatch(node.value):
        raise ConfigError(f"{node.source}: a node's name has 1 to 40 letters, digits and dashes, not {node.value!r}.")


def unknown_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return a warning for each variable that has the bridge's prefix but isn't a setting."""
    names = [name for name in environment if name.startswith(_PREFIX) and not _KUBERNETES.fullmatch(name)]
    known = {f"{_PREFIX}{key.upper()}": None for key in OPTIONS}
    return tuple(f"{name} is not a setting{did_you_mean(name, known)}" for name in sorted(names) if name not in known)


def _resolve(
    errors: ConfigErrors,
    key: str,
    option: Option,
    flags: BridgeFlags,
    environment: Mapping[str, str],
    file: SettingsFile,
) -> SourcedValue:
    """Resolve one setting. For an invalid one, collect the error and continue with the default."""
    with errors.collect():
        return _first_set(key, option, flags, environment, file)
    return SourcedValue(option.default, "default")


def _first_set(
    key: str, option: Option, flags: BridgeFlags, environment: Mapping[str, str], file: SettingsFile
) -> SourcedValue:
    """Return the first value that is set: flag, variable, file, default.

    Raises ConfigError, for a variable also if a flag overrides it: it will be wrong in the next start without the flag.
    """
    variable = f"{_PREFIX}{key.upper()}"
    text = environment.get(variable, "").strip()
    in_variable = None
    if text and not (key == "port" and text.startswith(_SERVICE_LINK)):
        in_variable = _checked(option, option.parse(text, variable), variable)
    flag = flags.options.get(key)
    if flag is not None and flag != ():
        return _checked(option, flag, f"--{key.replace('_', '-')}")
    if in_variable is not None:
        return in_variable
    if ("bridge", key) in file.values:
        return _checked(option, file.values["bridge", key], file.location("bridge", key))
    return SourcedValue(option.default, "default")


def _checked(option: Option, value: object, source: str) -> SourcedValue:
    return SourcedValue(option.check(value, source), source)


# Checks across settings


def _check_exposure(resolved: Mapping[str, SourcedValue]) -> None:
    """Refuse to listen beyond loopback without client authentication: anybody could use the API key."""
    host = resolved["host"].value
    if not is_loopback(host) and resolved["client_token_env"].value is None and not resolved["allow_anonymous"].value:
        raise ConfigError(
            f"{resolved['host'].source}: {host} is reachable from other machines, and clients need no token."
            " Set a token with --client-token-env NAME, or allow this with --allow-anonymous"
        )


def _admin(resolved: Mapping[str, SourcedValue], environment: Mapping[str, str]) -> AdminSettings | None:
    """Return where health and metrics are served apart from clients. Raises ConfigError."""
    listen, token_env = resolved["admin_listen"], resolved["admin_token_env"]
    token = client_token(token_env, environment)
    if listen.value is None:
        if token is not None:
            raise ConfigError(f"{token_env.source}: requires admin_listen as well")
        return None
    host, _, port = listen.value.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not host or not port.isdecimal() or not port.isascii() or int(port) > _MAX_PORT:
        raise ConfigError(f"{listen.source}: {listen.value!r} is not HOST:PORT, such as 127.0.0.1:9090")
    if token is None and not is_loopback(host) and not resolved["allow_anonymous"].value:
        raise ConfigError(
            f"{listen.source}: {host} is reachable from other machines, and metrics need no token."
            " Name a variable with a token by admin_token_env, or allow this with --allow-anonymous"
        )
    return AdminSettings(host=host, port=int(port), token=token)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server on this host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _check_tls(resolved: Mapping[str, SourcedValue]) -> None:
    cert, key = resolved["tls_cert"], resolved["tls_key"]
    if (cert.value is None) != (key.value is None):
        given, missing = (cert, "--tls-key") if cert.value else (key, "--tls-cert")
        raise ConfigError(f"{given.source}: requires {missing} as well")
    if cert.value is not None:
        tls_context(cert.value, key.value, (cert.source, key.source))
