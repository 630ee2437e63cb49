"""The settings about clients, from resolved values to one frozen value."""

from __future__ import annotations

import os
import re
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from bridge.config.prices_file import known_prices, read_prices
from bridge.config.toml_file import ConfigError, did_you_mean
from bridge.core.spending.caps import Caps
from bridge.protocol.schema.locks import LOCKABLE_FIELDS
from bridge.server.addresses import parse_network
from bridge.server.clients.rate_limit import RateLimits
from bridge.server.config.settings import ClientRules, IdentityCaps
from bridge.server.config.sourced_value import client_token
from bridge.server.overload import LoadMarks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.spending.usage import Prices
    from bridge.server.addresses import Network
    from bridge.server.clients.native_messages import LockedFields
    from bridge.server.config.sourced_value import ConfigErrors, SourcedValue


def client_rules(
    resolved: Mapping[str, SourcedValue], environment: Mapping[str, str], errors: ConfigErrors
) -> ClientRules:
    """Return the rules for clients; mistakes are collected in `errors`."""
    token, locked, origins = None, frozenset[str](), list[str]()
    proxies: list[Network] = []
    for text in resolved["allow_origin"].value:
        with errors.collect():
            origins.append(_origin(text, resolved["allow_origin"].source))
    with errors.collect():
        token = client_token(resolved["client_token_env"], environment)
    for text in resolved["trusted_proxies"].value:
        with errors.collect():
            proxies.append(_proxy(text, resolved["trusted_proxies"].source))
    with errors.collect():
        _check_proxy_protocol(resolved)
    tickets_dir = None
    with errors.collect():
        tickets_dir = _folder(resolved["used_tickets_dir"])
    prices: Mapping[str, Prices] = known_prices()
    with errors.collect():
        prices = _prices(resolved["prices"])
    with errors.collect():
        locked = _locked(resolved["locked"])
    return ClientRules(
        origins=tuple(origins),
        token=token,
        max_sessions=resolved["max_sessions"].value,
        sessions_per_ip=resolved["sessions_per_ip"].value,
        connections_per_ip=float(resolved["connections_per_ip_per_second"].value),
        dials_per_ip=float(resolved["dials_per_ip_per_second"].value),
        dials=float(resolved["dials_per_second"].value),
        trusted_proxies=tuple(proxies),
        proxy_protocol=resolved["proxy_protocol"].value,
        used_tickets_dir=tickets_dir,
        no_session_seconds=float(resolved["no_session_seconds"].value),
        caps=_caps(resolved),
        identity_caps=IdentityCaps(
            sessions=resolved["sessions_per_identity"].value,
            cost_usd=float(resolved["cost_usd_per_identity"].value) or inf,
            tokens=float(resolved["tokens_per_identity"].value) or inf,
        ),
        prices=prices,
        locked=locked,
        max_message_bytes=resolved["max_message_bytes"].value,
        rates=_rates(resolved),
        marks=LoadMarks(
            lag_seconds=float(resolved["shed_lag_ms"].value) / 1000,
            memory_bytes=resolved["memory_mib"].value * 2**20,
        ),
    )


def _caps(resolved: Mapping[str, SourcedValue]) -> Caps:
    """Return the caps; 0 is none."""
    return Caps(
        idle_seconds=float(resolved["idle_seconds"].value) or inf,
        max_session_seconds=float(resolved["max_session_seconds"].value) or inf,
        max_cost_usd=float(resolved["max_cost_usd"].value) or inf,
        max_tokens=float(resolved["max_tokens"].value) or inf,
    )


def _prices(named: SourcedValue) -> Mapping[str, Prices]:
    """Return the known prices, with those of a file if one is named. Raises ConfigError."""
    return known_prices() if named.value is None else read_prices(Path(named.value))


def _rates(resolved: Mapping[str, SourcedValue]) -> RateLimits:
    n_bytes, frames = float(resolved["bytes_per_second"].value), float(resolved["frames_per_second"].value)
    defaults = RateLimits()
    return RateLimits(
        bytes_per_second=n_bytes,
        burst_bytes=n_bytes * defaults.burst_bytes / defaults.bytes_per_second,
        frames_per_second=frames,
        burst_frames=frames * defaults.burst_frames / defaults.frames_per_second,
    )


_ORIGIN = re.compile(r"https?://[^/?#@\s*]+")


def _origin(text: str, source: str) -> str:
    """Normalize an origin to what browsers send: lower case, no default port, no path. Raises ConfigError."""
    if "*" in text:
        raise ConfigError(
            f"{source}: {text!r} has a wildcard. List every origin in full, such as https://app.example.com"
        )
    origin = text.strip().rstrip("/").lower()
    if not _ORIGIN.fullmatch(origin):
        raise ConfigError(f"{source}: {text!r} is not an origin. Write it like https://app.example.com, without a path")
    parts = urlsplit(origin)
    default = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.removesuffix(default)}"


def _check_proxy_protocol(resolved: Mapping[str, SourcedValue]) -> None:
    """Raise ConfigError if nobody could connect: a PROXY header is read from trusted proxies only."""
    wanted = resolved["proxy_protocol"]
    if wanted.value and not resolved["trusted_proxies"].value:
        raise ConfigError(
            f"{wanted.source}: needs trusted_proxies, the addresses of the proxies that send the PROXY header"
        )


def _proxy(text: str, source: str) -> Network:
    """Parse the address or network of a proxy. Raises ConfigError."""
    try:
        return parse_network(text)
    except ValueError:
        raise ConfigError(
            f"{source}: {text!r} is neither an address nor a network. Write it like 10.1.2.3 or 10.0.0.0/8"
        ) from None


def _folder(named: SourcedValue) -> str | None:
    """Return the path of a folder that must exist and be writable. Raises ConfigError."""
    path = cast("str | None", named.value)
    if path is not None and not (Path(path).is_dir() and os.access(path, os.W_OK | os.X_OK)):
        raise ConfigError(f"{named.source}: {path} is not a folder in which the bridge may write")
    return path


def _locked(named: SourcedValue) -> LockedFields:
    for name in named.value:
        if name not in LOCKABLE_FIELDS:
            raise ConfigError(f"{named.source}: {name!r} can't be locked{did_you_mean(name, LOCKABLE_FIELDS)}")
    return frozenset(named.value)
