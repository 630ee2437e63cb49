"""The first two layers of access: the name is known, and TCP and TLS come up.

The connection that is opened here is kept for the WebSocket upgrade, so that looking costs no second one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bridge.upstream.dial.dial import DialFailed, FailureReason, open_stream, resolve
from bridge.upstream.dial.url import is_private_host
from probes.problems import network as way
from probes.runner.findings import CheckRow, evidence_of, headline
from probes.runner.network_findings import connection_failure, host_problem

if TYPE_CHECKING:
    from bridge.upstream.dial.dial import OpenedStream
    from probes.access.context import AccessContext
    from reports.model import Evidence, Finding

NAME, TCP = CheckRow("access", "name"), CheckRow("access", "tcp, tls")

#: Certificates are renewed a month before their end as a rule; one that has this many days left was forgotten.
_FEW_DAYS = 7
_SHOWN_ADDRESSES = 3


async def resolve_name(visit: AccessContext) -> Finding:
    """Ask for the addresses of the host, or of the proxy that leads to it."""
    host, port = visit.next_hop
    try:
        addresses = await resolve(host, port)
    except DialFailed as failed:
        return _nameless(visit, failed)
    who = f"the proxy {visit.target.proxy_name}" if visit.target.proxy else host
    evidence = (*(evidence_of("address", address) for address in addresses), *visit.proxy_evidence())
    if addresses == (host,):
        return NAME.passed(f"{who} is an address already", *evidence)
    shown = ", ".join(addresses[:_SHOWN_ADDRESSES]) + (", …" if len(addresses) > _SHOWN_ADDRESSES else "")
    return NAME.passed(f"{who} -> {shown}", *evidence)


def name_timed_out(visit: AccessContext) -> Finding:
    """The name server does not answer."""
    late = headline(f"no answer within {visit.target.timeout:g} s")
    return host_problem(NAME, way.NAME_NO_ANSWER, late, *visit.proxy_evidence(), host=visit.next_hop[0])


def _nameless(visit: AccessContext, failed: DialFailed) -> Finding:
    """Nobody knows the name: of the host, or of the proxy, which stands in another place."""
    target, evidence = visit.target, (headline(failed.detail), *visit.proxy_evidence())
    if target.proxy is None or failed.reason is not FailureReason.NAME_UNKNOWN:
        return connection_failure(NAME, failed.reason, failed.detail, *visit.proxy_evidence(), host=visit.next_hop[0])
    return host_problem(NAME, way.PROXY_UNKNOWN, *evidence, host=target.host, proxy_variable=target.proxy_variable)


async def connect(visit: AccessContext) -> Finding:
    """Open TCP, through the proxy where there is one, and TLS where the address is https."""
    try:
        opened = await open_connection(visit)
    except DialFailed as failed:
        return visit.connection_failure(TCP, failed)
    visit.keep_connection(opened)
    evidence = (evidence_of("address", opened.address), *visit.proxy_evidence())
    via = f" through the proxy {visit.target.proxy_name}" if visit.target.proxy else ""
    if opened.tls is None:
        return _without_tls(visit.target.host, via, *evidence)
    days = _days_left(opened)
    told = "" if days is None else f", certificate valid for {days} days"
    if days is not None and days < _FEW_DAYS:
        ends = headline(f"{opened.tls.version}{told}")
        return host_problem(TCP, way.CERTIFICATE_ENDS_SOON, ends, *evidence, host=visit.target.host)
    return TCP.passed(f"{opened.tls.version}{told}{via}", *evidence)


def connect_timed_out(visit: AccessContext) -> Finding:
    """Packets disappear, or TLS never ends."""
    host, port = visit.next_hop
    late = headline(f"no connection to {host}:{port} within {visit.target.timeout:g} s")
    return TCP.problem(way.NO_ANSWER, late, *visit.proxy_evidence())


async def open_connection(visit: AccessContext) -> OpenedStream:
    """Open one connection to the target. Raises DialFailed; cancelling closes it at once."""
    return await open_stream(visit.target.endpoint, proxy=visit.target.proxy, ssl_context=visit.target.ssl_context)


def _without_tls(host: str, via: str, *evidence: Evidence) -> Finding:
    if is_private_host(host):
        return TCP.passed(f"connected{via}; plain HTTP, no TLS", *evidence)
    return host_problem(TCP, way.NO_TLS, headline(f"plain HTTP to {host}"), *evidence, host=host)


def _days_left(opened: OpenedStream) -> int | None:
    expires = opened.tls.expires if opened.tls else None
    return None if expires is None else (expires - datetime.now(UTC)).days
