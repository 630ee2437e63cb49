"""Does a proxy keep the WebSocket upgrade from the server? Judges an upgrade that got another answer than 101.

A server behind such a proxy sees an ordinary GET and answers that: 426, 404, 401, whatever it says to a browser. So the
same request is sent once more without `Upgrade`. If the answer is the same, the upgrade made no difference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from probes.problems.network import UPGRADE_STRIPPED
from probes.runner.findings import evidence_of, headline

if TYPE_CHECKING:
    from bridge.transport.link import HandshakeRefused, Headers
    from probes.runner.findings import CheckRow
    from reports.model import Evidence, Finding

#: How much of a body is read and compared.
_MAX_BODY_BYTES = 4096
_SOCKET_SCHEMES = {"ws": "http", "wss": "https"}
_BAD_REQUEST, _FORBIDDEN, _UPGRADE_REQUIRED = 400, 403, 426
#: Statuses of an ordinary GET of a path that serves only WebSockets: a page, or no such page.
_PLAIN_STATUSES = frozenset({200, 204, 400, 404, 405, 426, 501})
#: The service's answer to an ordinary GET of the socket's own URL; for an upgrade it always answers 101.
_SERVICE_SAW_GET = re.compile(rb"Invalid URL \(GET [^)]*/v1/realtime\)")
#: How libraries refuse a request without `Upgrade`: aiohttp and tornado name both words, others only answer 426.
_SAYS_UPGRADE = re.compile(rb"(?is)upgrade.*websocket|websocket.*upgrade")
#: What differs between two equal answers: times, and the ids of requests.
_VARYING = re.compile(rb"(?i)[0-9a-f-]{8,}|[0-9]+")


@dataclass(frozen=True, slots=True)
class PlainAnswer:
    """The answer to the same request without `Upgrade`."""

    status: int
    body: bytes


async def ask_without_upgrade(client: httpx.AsyncClient, url: str, headers: Headers = ()) -> PlainAnswer | None:
    """Send an ordinary GET to a WebSocket URL; None if there is no answer. Cancelling closes the connection."""
    scheme, _, rest = url.partition("://")
    page = f"{_SOCKET_SCHEMES.get(scheme, scheme)}://{rest}"
    try:
        async with client.stream("GET", page, headers=(*headers, ("Accept-Encoding", "identity"))) as response:
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk[: _MAX_BODY_BYTES - len(body)]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    return PlainAnswer(response.status_code, body)


def is_same(refused: HandshakeRefused, plain: PlainAnswer | None) -> bool:
    """Whether the upgrade got the answer that an ordinary GET gets, so that it made no difference."""
    if plain is None or refused.status != plain.status:
        return False
    return _VARYING.sub(b"", refused.body[:_MAX_BODY_BYTES]) == _VARYING.sub(b"", plain.body)


def stripped_because(refused: HandshakeRefused, plain: PlainAnswer | None, *, socket_exists: bool = False) -> str:
    """Say what shows that a proxy keeps the upgrade from the server; empty if nothing does.

    `socket_exists` says that the server has a WebSocket at this URL, by other evidence.
    """
    headers = {name.lower(): value for name, value in refused.headers}
    if _asks_for_upgrade(refused, headers):
        return f"HTTP {refused.status}: the server saw no 'Upgrade: websocket', which this probe sends"
    if _refused_by_envoy(refused, headers) and plain is not None and plain.status != _FORBIDDEN:
        return f"HTTP 403 from Envoy for the upgrade, HTTP {plain.status} for the same request without it"
    if not is_same(refused, plain):
        return ""
    if _SERVICE_SAW_GET.search(refused.body):
        return f"HTTP {refused.status}, which the service answers to an ordinary GET of this URL, never to an upgrade"
    if socket_exists and refused.status in _PLAIN_STATUSES:
        return f"HTTP {refused.status}, with 'Upgrade: websocket' and without it"
    return ""


def stripped_finding(row: CheckRow, why: str, *evidence: Evidence) -> Finding:
    """Make the finding. `why` is from `stripped_because`."""
    return row.problem(UPGRADE_STRIPPED, headline(why), *evidence)


def same_answer_evidence(refused: HandshakeRefused, plain: PlainAnswer | None) -> tuple[Evidence, ...]:
    """Return the evidence that the upgrade made no difference, for a finding with several possible causes."""
    return (evidence_of("without Upgrade", "the same answer"),) if is_same(refused, plain) else ()


def _asks_for_upgrade(refused: HandshakeRefused, headers: dict[str, str]) -> bool:
    if refused.status == _UPGRADE_REQUIRED:
        return True
    asks = "websocket" in headers.get("upgrade", "").lower() or _SAYS_UPGRADE.search(refused.body[:_MAX_BODY_BYTES])
    return refused.status == _BAD_REQUEST and bool(asks)


def _refused_by_envoy(refused: HandshakeRefused, headers: dict[str, str]) -> bool:
    return refused.status == _FORBIDDEN and "envoy" in headers.get("server", "").lower() and not refused.body
