"""The first checks of `bridge`: DNS, TCP and TLS, the health endpoints, and the WebSocket upgrade."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import msgspec
import trio

from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.dial import DialFailed
from probes.bridge.refusals import bridge_connection_failure, with_bridge_wording
from probes.bridge.refused_upgrade import http_client, refused_upgrade
from probes.problems import bridge, network
from probes.problems.service import UPGRADE_NO_ANSWER
from probes.runner import network_checks
from probes.runner.findings import CheckRow, headline
from probes.runner.network_checks import proxy_evidence
from reports.model import Severity

if TYPE_CHECKING:
    from bridge.upstream.dial.dial import OpenedStream
    from probes.bridge.context import BridgeContext
    from reports.model import Finding

NAME, TCP = CheckRow("bridge", "name"), CheckRow("bridge", "tcp, tls")
HEALTH, UPGRADE = CheckRow("bridge", "health"), CheckRow("bridge", "upgrade")

#: How much of a health response is read; health states fit in one line.
_MAX_HEALTH_BYTES = 16 * 1024
#: The bridge may have dropped a connection that was idle for longer than this.
_STALE_SECONDS = 2.0
_OK, _SERVER_ERROR, _NOT_READY = 200, 500, 503


async def resolve_name(context: BridgeContext) -> Finding:
    """Look up the addresses of the bridge's host, or of the proxy in front of it."""
    target = context.target
    if target.open_stream is not None:
        return NAME.passed(f"{target.host}, in memory")
    return with_bridge_wording(await network_checks.check_name(NAME, target))


def name_timed_out(context: BridgeContext) -> Finding:
    """Report that the DNS server didn't respond."""
    return with_bridge_wording(network_checks.name_timed_out(NAME, context.target))


async def connect(context: BridgeContext) -> Finding:
    """Open TCP, and TLS for a wss URL; the context keeps the connection for the upgrade."""
    target = context.target
    try:
        opened = await target.connect()
    except DialFailed as failed:
        return bridge_connection_failure(TCP, target, failed)
    context.opened, context.opened_at = opened, trio.current_time()
    return with_bridge_wording(network_checks.check_connection(TCP, target, opened))


def connect_timed_out(context: BridgeContext) -> Finding:
    """Report that TCP or TLS didn't complete in time."""
    return with_bridge_wording(network_checks.connection_timed_out(TCP, context.target))


# Health


async def check_health(context: BridgeContext) -> Finding:
    """Request /healthz and /readyz. A bridge that doesn't have these endpoints is fine."""
    try:
        async with http_client(context.target) as client:
            states = {
                path: await _read_state(client, context.target.page_url(path)) for path in ("/healthz", "/readyz")
            }
    except httpx.HTTPError as error:
        return HEALTH.noted(
            bridge.HEALTH_UNASKED.slug, "the health endpoints can't be read", headline(type(error).__name__)
        )
    context.http_answered = True
    statuses = ", ".join(f"{path} {status}" for path, (status, _) in states.items())
    ready, state = states["/readyz"]
    if ready == _NOT_READY:
        return HEALTH.problem(bridge.NOT_READY, headline(context.excerpt(f"/readyz 503 {state}".strip(), 120)))
    if any(status >= _SERVER_ERROR for status, _ in states.values()):
        return HEALTH.problem(bridge.UNHEALTHY, headline(statuses))
    healthy = [f"{path} {state or status}" for path, (status, state) in states.items() if status == _OK]
    if not healthy:
        return HEALTH.noted(bridge.HEALTH_NOT_OFFERED.slug, f"no health endpoints ({statuses})")
    return HEALTH.passed(context.excerpt(", ".join(healthy), 120))


def health_timed_out(context: BridgeContext) -> Finding:
    """Report that the health endpoints don't respond."""
    no_response = headline(f"no response within {context.target.timeout:g} s")
    return HEALTH.problem(bridge.UNHEALTHY, no_response, cause="GET /healthz or GET /readyz never gets a response.")


async def _read_state(client: httpx.AsyncClient, url: str) -> tuple[int, str]:
    """Return the status and the health state, which is empty unless the body is JSON like the reference bridge's."""
    async with client.stream("GET", url) as response:
        body = b""
        async for chunk in response.aiter_raw():
            body += chunk[: _MAX_HEALTH_BYTES - len(body)]
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return response.status_code, ""
    words = [document.get("status"), document.get("reason")] if isinstance(document, dict) else []
    return response.status_code, " ".join(word for word in words if isinstance(word, str))


# The upgrade


async def open_websocket(context: BridgeContext) -> Finding:
    """Request the WebSocket upgrade, with the token if there is one. A refusal takes a second request to explain."""
    target = context.target
    try:
        with trio.fail_after(target.timeout):
            opened = await _take_connection(context)
            upgraded = await target.upgrade(opened)
    except DialFailed as failed:
        return bridge_connection_failure(UPGRADE, target, failed)
    except HandshakeRefused as refused:
        return await refused_upgrade(UPGRADE, target, refused)
    context.link = upgraded.link
    context.connect_seconds = sum(opened.seconds.values()) + sum(upgraded.seconds.values())
    return UPGRADE.passed("HTTP 101, with the token" if target.token else "HTTP 101", *proxy_evidence(target))


async def _take_connection(context: BridgeContext) -> OpenedStream:
    """Return the open connection, or a new one if it was idle too long: slow health endpoints can cause that."""
    opened, context.opened = context.opened, None
    if opened is not None and trio.current_time() - context.opened_at <= _STALE_SECONDS:
        return opened
    if opened is not None:
        await trio.aclose_forcefully(opened.stream)
    return await context.target.connect()


def upgrade_timed_out(context: BridgeContext) -> Finding:
    """Report that TCP works but the upgrade got no response, and whether plain HTTP got one."""
    no_response = headline(f"no response within {context.target.timeout:g} s")
    if context.http_answered:
        return UPGRADE.problem(UPGRADE_NO_ANSWER, no_response, *proxy_evidence(context.target))
    return UPGRADE.problem(
        network.NO_ANSWER,
        no_response,
        *proxy_evidence(context.target),
        title="The server accepts the connection but doesn't respond",
        cause="The bridge hangs, a proxy drops the request, or the program that listens there isn't an HTTP server.",
        fix="Check the bridge's own log, and the host and port of its URL",
    )


def without_duplicate(health: Finding, upgrade: Finding) -> Finding:
    """Return the finding of `health`, or a note in its place if the upgrade reports the same silence."""
    if health.severity is not Severity.WARNING or upgrade.code != UPGRADE.code(network.NO_ANSWER.slug):
        return health
    note = HEALTH.noted(bridge.HEALTH_UNASKED.slug, "the health endpoints don't respond either")
    return replace(note, seconds=health.seconds)
