"""The way into a bridge: its name, TCP and TLS, what it says of its own health, and the upgrade."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import msgspec
import trio

from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.dial import DialFailed, default_tls_context, resolve
from bridge.upstream.dial.url import is_private_host
from probes.bridge.refusals import bridge_connection_failure, proxy_evidence, upgrade_refused, with_bridge_wording
from probes.problems import bridge
from probes.problems import network as way
from probes.problems.service import UPGRADE_NO_ANSWER
from probes.runner.findings import CheckRow, evidence_of, headline
from probes.runner.network_findings import host_problem
from reports.model import Severity

if TYPE_CHECKING:
    from bridge.upstream.dial.dial import OpenedStream
    from probes.bridge.context import BridgeContext
    from probes.targets.bridge import BridgeTarget
    from reports.model import Finding

NAME, TCP = CheckRow("bridge", "name"), CheckRow("bridge", "tcp, tls")
HEALTH, UPGRADE = CheckRow("bridge", "health"), CheckRow("bridge", "upgrade")

#: A certificate that has so few days left was forgotten.
_FEW_DAYS = 7
_SHOWN_ADDRESSES = 3
#: So much of a page is read; what pages about health say fits in a line.
_PAGE_BYTES = 16 * 1024
#: A connection that has waited longer for its turn may be dead by then.
_STALE_SECONDS = 2.0
_OK, _NOT_READY = 200, 503


async def resolve_name(visit: BridgeContext) -> Finding:
    """Ask for the addresses of the bridge's host, or of the proxy that leads to it."""
    target = visit.target
    hop = target.proxy or target.endpoint
    if target.open_stream is not None:
        return NAME.passed(f"{hop.host}, in memory")
    try:
        addresses = await resolve(hop.host, hop.port)
    except DialFailed as failed:
        if target.proxy is None:
            return bridge_connection_failure(NAME, target, failed)
        told = (headline(failed.detail), *proxy_evidence(target))
        return host_problem(NAME, way.PROXY_UNKNOWN, *told, host=target.host, proxy_variable=target.proxy_variable)
    who = f"the proxy {target.proxy_name}" if target.proxy else hop.host
    if addresses == (hop.host,):
        return NAME.passed(f"{who} is an address already", *proxy_evidence(target))
    shown = ", ".join(addresses[:_SHOWN_ADDRESSES]) + (", …" if len(addresses) > _SHOWN_ADDRESSES else "")
    return NAME.passed(f"{who} -> {shown}", *proxy_evidence(target))


def name_timed_out(visit: BridgeContext) -> Finding:
    """The name server does not answer."""
    late = headline(f"no answer within {visit.target.timeout:g} s")
    return host_problem(NAME, way.NAME_NO_ANSWER, late, *proxy_evidence(visit.target), host=visit.target.host)


async def connect(visit: BridgeContext) -> Finding:
    """Open TCP, and TLS where the address is secure; the connection is kept for the upgrade."""
    target = visit.target
    try:
        opened = await target.connect()
    except DialFailed as failed:
        return bridge_connection_failure(TCP, target, failed)
    visit.opened, visit.opened_at = opened, trio.current_time()
    evidence = (evidence_of("address", opened.address), *proxy_evidence(target))
    if opened.tls is None:
        if is_private_host(target.host):
            return TCP.passed("connected; plain, no TLS", *evidence)
        told = host_problem(TCP, way.NO_TLS, headline(f"plain, to {target.host}"), *evidence, host=target.host)
        return with_bridge_wording(told)
    days = _days_left(opened)
    told_days = "" if days is None else f", certificate valid for {days} days"
    if days is not None and days < _FEW_DAYS:
        ends = headline(f"{opened.tls.version}{told_days}")
        return host_problem(TCP, way.CERTIFICATE_ENDS_SOON, ends, *evidence, host=target.host)
    return TCP.passed(f"{opened.tls.version}{told_days}", *evidence)


def connect_timed_out(visit: BridgeContext) -> Finding:
    """Packets disappear, or TLS never ends."""
    target = visit.target
    late = headline(f"no connection to {target.endpoint.address} within {target.timeout:g} s")
    return with_bridge_wording(TCP.problem(way.NO_ANSWER, late, *proxy_evidence(target)))


def _days_left(opened: OpenedStream) -> int | None:
    expires = opened.tls.expires if opened.tls else None
    return None if expires is None else (expires - datetime.now(UTC)).days


# Health


async def check_health(visit: BridgeContext) -> Finding:
    """Read /healthz and /readyz, where the bridge has them."""
    try:
        async with _pages(visit.target) as pages:
            answers = {page: await _read(pages, visit.target.page_url(page)) for page in ("/healthz", "/readyz")}
    except httpx.HTTPError as error:
        return HEALTH.noted(
            bridge.HEALTH_UNASKED.slug,
            "the pages about its health cannot be read",
            headline(type(error).__name__),
        )
    visit.http_answered = True
    told = ", ".join(f"{page} {status}" for page, (status, _) in answers.items())
    ready, state = answers["/readyz"]
    if ready == _NOT_READY:
        return HEALTH.problem(bridge.NOT_READY, headline(visit.excerpt(f"/readyz 503 {state}".strip(), 120)))
    failed = [page for page, (status, _) in answers.items() if status >= 500]  # noqa: PLR2004 - the class of faults
    if failed:
        return HEALTH.problem(bridge.UNHEALTHY, headline(told))
    offered = [f"{page} {state or status}" for page, (status, state) in answers.items() if status == _OK]
    if not offered:
        return HEALTH.noted(bridge.HEALTH_NOT_OFFERED.slug, f"no pages about its health ({told})")
    return HEALTH.passed(visit.excerpt(", ".join(offered), 120))


def health_timed_out(visit: BridgeContext) -> Finding:
    """The pages hang."""
    late = headline(f"no answer within {visit.target.timeout:g} s")
    return HEALTH.problem(bridge.UNHEALTHY, late, cause="GET /healthz or /readyz is never answered.")


def _pages(target: BridgeTarget) -> httpx.AsyncClient:
    """Make the client for the pages. They are asked for without the token: orchestrators have none."""
    proxy = None
    if target.proxy is not None:
        login = target.proxy.authorization
        headers = {"Proxy-Authorization": login.reveal()} if login else {}
        proxy = httpx.Proxy(f"http://{target.proxy.address}", headers=headers)
    return httpx.AsyncClient(
        verify=target.ssl_context or (default_tls_context() if target.endpoint.secure else _no_tls()),
        proxy=proxy,
        transport=target.transport,
        trust_env=False,
        timeout=None,  # noqa: S113 - the row bounds it
    )


def _no_tls() -> ssl.SSLContext:
    """Trust nobody: for plain HTTP no certificates need to be loaded, which takes longer than the call."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


async def _read(client: httpx.AsyncClient, url: str) -> tuple[int, str]:
    """Give the status and, where the page is our kind of JSON, the state that it tells."""
    async with client.stream("GET", url) as response:
        body = b""
        async for piece in response.aiter_raw():
            body += piece[: _PAGE_BYTES - len(body)]
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return response.status_code, ""
    words = [said.get("status"), said.get("reason")] if isinstance(said, dict) else []
    return response.status_code, " ".join(word for word in words if isinstance(word, str))


# The upgrade


async def open_websocket(visit: BridgeContext) -> Finding:
    """Ask for the WebSocket, with the token where there is one."""
    target = visit.target
    try:
        opened = await _fresh(visit)
        upgraded = await target.upgrade(opened)
    except DialFailed as failed:
        return bridge_connection_failure(UPGRADE, target, failed)
    except HandshakeRefused as refused:
        return upgrade_refused(UPGRADE, target, refused)
    visit.link = upgraded.link
    visit.connect_seconds = sum(opened.seconds.values()) + sum(upgraded.seconds.values())
    shown = "101, with the token" if target.token else "101"
    return UPGRADE.passed(shown, *proxy_evidence(target))


async def _fresh(visit: BridgeContext) -> OpenedStream:
    """Take the connection, or a new one where the bridge may have given it up: pages about health can hang."""
    opened, visit.opened = visit.opened, None
    if opened is not None and trio.current_time() - visit.opened_at <= _STALE_SECONDS:
        return opened
    if opened is not None:
        await trio.aclose_forcefully(opened.stream)
    return await visit.target.connect()


def upgrade_timed_out(visit: BridgeContext) -> Finding:
    """TCP is there, and nobody answers: to nothing, or to the upgrade alone."""
    late = headline(f"no answer within {visit.target.timeout:g} s")
    if visit.http_answered:
        return UPGRADE.problem(UPGRADE_NO_ANSWER, late, *proxy_evidence(visit.target))
    return UPGRADE.problem(
        way.NO_ANSWER,
        late,
        *proxy_evidence(visit.target),
        title="What listens there takes the connection and does not answer",
        cause="The bridge hangs, a proxy swallows the request, or something that is no HTTP server listens there.",
        fix="Look at the bridge's own log, and at host and port of its URL",
    )


def without_duplicate(health: Finding, upgrade: Finding) -> Finding:
    """Give the row of the health pages as it stands beside the upgrade's: one silence is told once."""
    if health.severity is not Severity.WARNING or upgrade.code != UPGRADE.code(way.NO_ANSWER.slug):
        return health
    told = HEALTH.noted(bridge.HEALTH_UNASKED.slug, "the pages about its health do not answer either")
    return replace(told, seconds=health.seconds)
