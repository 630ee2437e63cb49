"""What `serve` prints when the bridge is up, and what `check-config` prints: where to connect, and what to type next.

Pure. Logs are written by `bridge.telemetry`.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from bridge.client_protocol.endpoints import CLIENT_PATH, METRICS_PATH, NATIVE_PATH, READY_PATH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.server.config.settings import BridgeSettings

#: The width of the first column. Scripts read the WebSocket URL from the first line.
_WIDTH = 16


def banner_lines(settings: BridgeSettings, port: int, admin_port: int | None = None) -> Iterator[str]:
    """Return the lines that `serve` prints: the URL of each endpoint, and the commands to try next."""
    secure = "s" if settings.tls_cert else ""
    address = f"{_connectable(settings.host)}:{port}"
    base, token = f"http{secure}://{address}", settings.clients.token
    yield _row("sherpa-bridge", f"ws{secure}://{address}{CLIENT_PATH}   upstream {upstream_name(settings)}")
    key = "THE_CLIENT_TOKEN" if token else "anything"
    yield _row("  for SDKs", f"OPENAI_BASE_URL={base}{NATIVE_PATH.removesuffix('/realtime')} OPENAI_API_KEY={key}")
    if token:
        yield _row("  auth", "the client token, or a ticket: sherpa-bridge ticket")
    if settings.page:
        yield _row("  page", f"{base}/")
    yield _row("  status", _status(settings, secure, base, admin_port))
    yield _row("  try it", f"sherpa-probe bridge --url {base}")
    yield f"  Ctrl-C stops it and gives running sessions {settings.drain_seconds:g} s; a second Ctrl-C stops at once"


def _status(settings: BridgeSettings, secure: str, base: str, admin_port: int | None) -> str:
    if settings.admin is None:
        return f"{base}{READY_PATH}   {base}{METRICS_PATH}"
    admin = f"http{secure}://{_connectable(settings.admin.host)}:{admin_port or settings.admin.port}"
    return f"{base}{READY_PATH}   {admin}{METRICS_PATH}{' (admin token)' if settings.admin.token else ''}"


def config_lines(settings: BridgeSettings) -> Iterator[str]:
    """Return the lines that `check-config` prints; secrets appear as hints."""
    rules, upstream = settings.clients, settings.upstream
    yield _row("listens on", f"{settings.host}:{settings.port}{', TLS' if settings.tls_cert else ''}")
    if settings.admin is not None:
        needs = f"token {settings.admin.token.hint}" if settings.admin.token else "no token required"
        yield _row("admin on", f"{settings.admin.host}:{settings.admin.port}, {needs}")
    yield _row("upstream", f"{upstream_name(settings)}   {upstream.model.value}")
    if settings.simulate is None and upstream.api_key.value is not None:
        yield _row("key", f"{upstream.api_key.value.hint} ({upstream.api_key.source})")
    yield _row("clients", f"token {rules.token.hint}, or a ticket" if rules.token else "no token required")
    yield _row("origins", ", ".join(rules.origins) or "pages on this machine only")
    yield _row("locked", ", ".join(sorted(rules.locked)) or "none")
    workers = "1 worker" if settings.workers == 1 else f"{settings.workers} workers"
    yield _row("sessions", f"at most {rules.max_sessions}, {workers}, {settings.session_defaults.prewarm} prewarmed")


def upstream_name(settings: BridgeSettings) -> str:
    """Return what is behind the bridge: the upstream's base URL, or the simulator."""
    if settings.simulate is None:
        return settings.upstream.base_url.value
    return "a simulator" if settings.simulate == "good" else f"a simulator, scenario {settings.simulate}"


def _row(name: str, value: str) -> str:
    return f"{name:{_WIDTH}}{value}"


def _connectable(host: str) -> str:
    """Return an address that a client can connect to: `localhost` for 0.0.0.0 and ::."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "localhost"
    return f"[{host}]" if address.version == 6 else host  # noqa: PLR2004 - IPv6
