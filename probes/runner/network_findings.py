"""Findings for failed connections: one table from each reason that the network layer reports to its problem.

The same reason leads to the same finding for a WebSocket and for a REST call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.upstream.dial.errors import FailureReason
from probes.problems import network
from probes.runner.findings import headline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.runner.findings import CheckRow
    from reports.model import Evidence, Finding
    from reports.problem import Problem

PROBLEM_BY_REASON: Mapping[FailureReason, Problem] = {
    FailureReason.NAME_UNKNOWN: network.HOST_UNKNOWN,
    FailureReason.REFUSED: network.NOTHING_LISTENING,
    FailureReason.UNREACHABLE: network.UNREACHABLE,
    FailureReason.TIMED_OUT: network.NO_ANSWER,
    FailureReason.CERTIFICATE: network.CERTIFICATE_REFUSED,
    FailureReason.NOT_TLS: network.NOT_TLS,
    FailureReason.PROXY_UNREACHABLE: network.PROXY_UNREACHABLE,
    FailureReason.PROXY_REFUSED: network.PROXY_REFUSED,
    FailureReason.CLOSED_EARLY: network.CLOSED_EARLY,
    FailureReason.NOT_WEBSOCKET: network.NOT_HTTP,
    FailureReason.BAD_ACCEPT: network.BAD_ACCEPT,
}

#: A proxy's status for CONNECT to its problem; any other status comes from a server that isn't a proxy.
_PROXY_STATUSES: Mapping[int, Problem] = {
    **dict.fromkeys((401, 403, 407), network.PROXY_REFUSED),
    **dict.fromkeys((500, 502, 503, 504), network.PROXY_FAILED),
}


#: How the network layer describes a TLS alert, for which it has no reason of its own.
_TLS_REFUSED = "refused the TLS handshake"


def connection_failure(
    row: CheckRow,
    reason: FailureReason,
    detail: str,
    *evidence: Evidence,
    host: str,
    proxy_variable: str = "HTTPS_PROXY",
    status: int | None = None,
) -> Finding:
    """Return the finding for a failed connection. `status` is the proxy's response to CONNECT."""
    problem = (
        network.TLS_REFUSED
        if reason is FailureReason.CLOSED_EARLY and _TLS_REFUSED in detail
        else PROBLEM_BY_REASON[reason]
    )
    if reason is FailureReason.PROXY_REFUSED and status is not None:
        problem = _PROXY_STATUSES.get(status, network.NOT_A_PROXY)
    cause = f"{problem.cause} It responded with {status}." if problem is network.NOT_A_PROXY else problem.cause
    return host_problem(
        row, problem, headline(detail), *evidence, host=host, proxy_variable=proxy_variable, cause=cause
    )


def host_problem(
    row: CheckRow,
    problem: Problem,
    *evidence: Evidence,
    host: str,
    proxy_variable: str = "HTTPS_PROXY",
    cause: str = "",
) -> Finding:
    """Return the finding for a problem, with HOST and VARIABLE in its texts replaced by host and proxy variable."""
    filled = [
        text.replace("VARIABLE", proxy_variable or "HTTPS_PROXY").replace("HOST", host)
        for text in (cause or problem.cause, problem.fix)
    ]
    return row.problem(problem, *evidence, cause=filled[0], fix=filled[1])
