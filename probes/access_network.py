"""The first two layers of access: the name is known, and TCP and TLS come up.

The connection that is opened here is kept for the WebSocket upgrade, so that looking costs no second one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING

from bridge.upstream.dial import DialFailed, open_stream, resolve
from probes.findings import Row, seen
from probes.network import trouble

if TYPE_CHECKING:
    from bridge.upstream.dial import Opened
    from probes.visit import Visit
    from reports.model import Evidence, Finding

NAME, TCP = Row("access", "name"), Row("access", "tcp, tls")

#: Certificates are renewed a month before their end as a rule; one that has this many days left was forgotten.
_FEW_DAYS = 7
_SHOWN_ADDRESSES = 3


async def look_up_name(visit: Visit) -> Finding:
    """Ask for the addresses of the host, or of the proxy that leads to it."""
    host, port = visit.next_hop
    try:
        addresses = await resolve(host, port)
    except DialFailed as failed:
        return trouble(NAME, failed.reason, failed.detail, *visit.proxy_evidence(), host=host)
    who = f"the proxy {visit.target.proxy_name}" if visit.target.proxy else host
    evidence = (*(seen("address", address) for address in addresses), *visit.proxy_evidence())
    if addresses == (host,):
        return NAME.passed(f"{who} is an address already", *evidence)
    shown = ", ".join(addresses[:_SHOWN_ADDRESSES]) + (", …" if len(addresses) > _SHOWN_ADDRESSES else "")
    return NAME.passed(f"{who} -> {shown}", *evidence)


def name_late(visit: Visit) -> Finding:
    """The name server does not answer."""
    return NAME.unseen(
        "NAME-NO-ANSWER",
        "The name server does not answer",
        seen("", f"no answer within {visit.target.timeout:g} s"),
        cause="This machine has no network, or its name server is down or out of reach.",
        fix=f"check the network; then: nslookup {visit.next_hop[0]}",
    )


async def connect(visit: Visit) -> Finding:
    """Open TCP, through the proxy where there is one, and TLS where the address is https."""
    try:
        opened = await open_connection(visit)
    except DialFailed as failed:
        return trouble(TCP, failed.reason, failed.detail, *visit.proxy_evidence(), host=visit.target.host)
    visit.keep(opened)
    evidence = (seen("address", opened.address), *visit.proxy_evidence())
    via = f" through the proxy {visit.target.proxy_name}" if visit.target.proxy else ""
    if opened.tls is None:
        return _without_tls(visit.target.host, via, *evidence)
    days = _days_left(opened)
    told = "" if days is None else f", certificate valid for {days} days"
    if days is not None and days < _FEW_DAYS:
        return TCP.warned(
            "CERTIFICATE-ENDS-SOON",
            f"The server's certificate ends in {days} days",
            seen("", f"{opened.tls.version}{told}"),
            *evidence,
            cause="Whoever runs this server has not renewed it; from that day on every connection fails.",
            fix=f"tell whoever runs {visit.target.host}, or renew it",
        )
    return TCP.passed(f"{opened.tls.version}{told}{via}", *evidence)


def connect_late(visit: Visit) -> Finding:
    """Packets disappear, or TLS never ends."""
    host, port = visit.next_hop
    return TCP.unseen(
        "NO-ANSWER",
        "The address does not answer",
        seen("", f"no connection to {host}:{port} within {visit.target.timeout:g} s"),
        *visit.proxy_evidence(),
        cause="A firewall drops the packets in silence, the host is down, or the way is too slow for the time-out.",
        fix="try from another network, with HTTPS_PROXY where one is needed, or with a longer --timeout",
    )


async def open_connection(visit: Visit) -> Opened:
    """Open one connection to the target. Raises DialFailed; cancelling closes it at once."""
    return await open_stream(visit.target.endpoint, proxy=visit.target.proxy, ssl_context=visit.target.ssl_context)


def _without_tls(host: str, via: str, *evidence: Evidence) -> Finding:
    if _is_near(host):
        return TCP.passed(f"connected{via}; plain HTTP, no TLS", *evidence)
    return TCP.warned(
        "NO-TLS",
        "The key travels unencrypted",
        seen("", f"plain HTTP to {host}"),
        *evidence,
        cause="The base URL begins with http:// and leads to another machine: everybody on the way can read the key.",
        fix=f"use https://{host}",
    )


def _is_near(host: str) -> bool:
    """Whether it is this machine or one of a private network."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or "." not in host
    return address.is_loopback or address.is_private or address.is_link_local


def _days_left(opened: Opened) -> int | None:
    expires = opened.tls.expires if opened.tls else None
    return None if expires is None else (expires - datetime.now(UTC)).days
