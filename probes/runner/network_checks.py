"""The checks `name` and `tcp, tls` of `access` and `bridge`: DNS, TCP, TLS and the certificate of one target."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from bridge.upstream.dial.dial import DialFailed, FailureReason, resolve
from bridge.upstream.dial.url import is_private_host
from probes.problems import network
from probes.runner.findings import evidence_of, headline
from probes.runner.network_findings import connection_failure, host_problem

if TYPE_CHECKING:
    from bridge.upstream.dial.dial import OpenedStream
    from bridge.upstream.dial.url import ParsedUrl, Proxy
    from probes.runner.findings import CheckRow
    from reports.model import Evidence, Finding

#: Certificates are usually renewed a month before they expire; with this few days left, renewal was forgotten.
_FEW_DAYS = 7
_MAX_ADDRESSES_SHOWN = 3


class NetworkTarget(Protocol):
    """The part of a target that these checks need."""

    @property
    def endpoint(self) -> ParsedUrl:
        """The URL to connect to, parsed."""
        ...

    @property
    def proxy(self) -> Proxy | None:
        """The proxy that the environment names for this URL."""
        ...

    @property
    def proxy_name(self) -> str:
        """The proxy's address and the variable that names it; empty without a proxy."""
        ...

    @property
    def proxy_variable(self) -> str:
        """The variable that names the proxy; empty without a proxy."""
        ...

    @property
    def host(self) -> str:
        """The host of the URL."""
        ...

    @property
    def timeout(self) -> float:
        """Seconds to wait for each response."""
        ...


def proxy_evidence(target: NetworkTarget) -> tuple[Evidence, ...]:
    """Return the proxy as evidence; empty if there is none."""
    return (evidence_of("proxy", target.proxy_name),) if target.proxy else ()


def dial_failure(row: CheckRow, target: NetworkTarget, failed: DialFailed, *evidence: Evidence) -> Finding:
    """Return the finding for a connection to the target that failed."""
    return connection_failure(
        row,
        failed.reason,
        failed.detail,
        *proxy_evidence(target),
        *evidence,
        host=target.host,
        proxy_variable=target.proxy_variable,
        status=failed.status,
    )


async def check_name(row: CheckRow, target: NetworkTarget) -> Finding:
    """Look up the addresses of the next hop: the proxy if there is one, else the host itself."""
    hop = target.proxy or target.endpoint
    try:
        addresses = await resolve(hop.host, hop.port)
    except DialFailed as failed:
        return _name_failure(row, target, failed)
    name = f"the proxy {target.proxy_name}" if target.proxy else hop.host
    evidence = (*(evidence_of("address", address) for address in addresses), *proxy_evidence(target))
    if addresses == (hop.host,):
        of_proxy = f"{name}: " if target.proxy else ""
        return row.passed(f"{of_proxy}IP address; no DNS lookup needed", *evidence)
    more = ", …" if len(addresses) > _MAX_ADDRESSES_SHOWN else ""
    return row.passed(f"{name} -> {', '.join(addresses[:_MAX_ADDRESSES_SHOWN])}{more}", *evidence)


def _name_failure(row: CheckRow, target: NetworkTarget, failed: DialFailed) -> Finding:
    if target.proxy is None or failed.reason is not FailureReason.NAME_UNKNOWN:
        return dial_failure(row, target, failed)
    evidence = (headline(failed.detail), *proxy_evidence(target))
    return host_problem(row, network.PROXY_UNKNOWN, *evidence, host=target.host, proxy_variable=target.proxy_variable)


def name_timed_out(row: CheckRow, target: NetworkTarget) -> Finding:
    """Report that the DNS server didn't respond."""
    host = (target.proxy or target.endpoint).host
    no_response = headline(f"no response within {target.timeout:g} s")
    return host_problem(row, network.NAME_NO_ANSWER, no_response, *proxy_evidence(target), host=host)


def check_connection(row: CheckRow, target: NetworkTarget, opened: OpenedStream) -> Finding:
    """Judge an open connection: TLS where the host isn't private, and a certificate that doesn't expire soon."""
    evidence = (evidence_of("address", opened.address), *proxy_evidence(target))
    via = f" through the proxy {target.proxy_name}" if target.proxy else ""
    if opened.tls is None:
        return judge_plaintext(row, target.host, via, *evidence)
    days = _days_left(opened)
    valid = "" if days is None else f", certificate valid for {days} {'day' if days == 1 else 'days'}"
    if days is not None and days < _FEW_DAYS:
        expires = headline(f"{opened.tls.version}{valid}")
        return host_problem(row, network.CERTIFICATE_ENDS_SOON, expires, *evidence, host=target.host)
    return row.passed(f"{opened.tls.version}{valid}{via}", *evidence)


def judge_plaintext(row: CheckRow, host: str, via: str = "", *evidence: Evidence) -> Finding:
    """Judge a connection without TLS: fine to a private host, a warning elsewhere, where others can read the key."""
    if is_private_host(host):
        return row.passed(f"connected{via}, without TLS", *evidence)
    return host_problem(row, network.NO_TLS, headline(f"no TLS to {host}"), *evidence, host=host)


def _days_left(opened: OpenedStream) -> int | None:
    expires = opened.tls.expires if opened.tls else None
    return None if expires is None else (expires - datetime.now(UTC)).days


def connection_timed_out(row: CheckRow, target: NetworkTarget) -> Finding:
    """Report that TCP or TLS didn't complete, which happens when a firewall drops packets."""
    address = (target.proxy or target.endpoint).address
    no_connection = headline(f"no connection to {address} within {target.timeout:g} s")
    return row.problem(network.NO_ANSWER, no_connection, *proxy_evidence(target))
