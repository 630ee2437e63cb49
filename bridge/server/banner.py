"""What people read when a bridge is up, and when they ask how it is set up: where to connect, with what, what next.

Pure. Logs are something else: `bridge.telemetry`.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from bridge.client_protocol.endpoints import CLIENT_PATH, METRICS_PATH, NATIVE_PATH, READY_PATH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.server.config.settings import BridgeSettings

#: The first line is read by scripts: the socket's address stands in it.
_WIDTH = 16


def banner_lines(settings: BridgeSettings, port: int) -> Iterator[str]:
    """Give the first screen, line by line: one address for each door, and what to type next."""
    secure = "s" if settings.tls_cert else ""
    address = f"{_reachable(settings.host)}:{port}"
    base, token = f"http{secure}://{address}", settings.clients.token
    yield _row("sherpa-bridge", f"ws{secure}://{address}{CLIENT_PATH}   upstream {upstream_name(settings)}")
    key = "THE_CLIENT_TOKEN" if token else "anything"
    yield _row("  for SDKs", f"OPENAI_BASE_URL={base}{NATIVE_PATH.removesuffix('/realtime')} OPENAI_API_KEY={key}")
    if token:
        yield _row("  who may", "whoever shows the client token, or a ticket: sherpa-bridge ticket")
    yield _row("  how it is", f"{base}{READY_PATH}   {base}{METRICS_PATH}")
    yield _row("  try it", f"sherpa-probe bridge --url {base}")
    yield f"  stop with Ctrl-C: whoever talks gets {settings.drain_seconds:g} s; a second one stops at once"


def config_lines(settings: BridgeSettings) -> Iterator[str]:
    """Give what holds, line by line; secrets as hints."""
    rules, upstream = settings.clients, settings.upstream
    yield _row("listens on", f"{settings.host}:{settings.port}{', TLS' if settings.tls_cert else ''}")
    yield _row("upstream", f"{upstream_name(settings)}   {upstream.model.value}")
    if settings.simulate is None and upstream.api_key.value is not None:
        yield _row("key", f"{upstream.api_key.value.hint} ({upstream.api_key.source})")
    yield _row("clients", f"token {rules.token.hint}, or a ticket" if rules.token else "anyone who can connect")
    yield _row("pages", ", ".join(rules.origins) or "of this machine")
    yield _row("locked", ", ".join(sorted(rules.locked)) or "nothing")
    workers = "1 worker" if settings.workers == 1 else f"{settings.workers} workers"
    yield _row(
        "sessions", f"{rules.max_sessions} at the most, {workers}, {settings.session_defaults.prewarm} kept ready"
    )


def upstream_name(settings: BridgeSettings) -> str:
    """Say what stands behind the bridge."""
    if settings.simulate is None:
        return settings.upstream.base_url.value
    return "a simulator" if settings.simulate == "good" else f"a simulator, scenario {settings.simulate}"


def _row(name: str, value: str) -> str:
    return f"{name:{_WIDTH}}{value}"


def _reachable(host: str) -> str:
    """Give an address that can be typed: nobody connects to 0.0.0.0."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "localhost"
    return f"[{host}]" if address.version == 6 else host  # noqa: PLR2004 - IPv6
