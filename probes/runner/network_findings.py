"""What it means that a connection could not be made: every reason of the network seam, in words for people.

One table; the same reason reads the same whether the socket or a REST call met it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.upstream.dial.errors import FailureReason
from probes.problems import network as way
from probes.runner.findings import headline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.runner.findings import CheckRow
    from reports.model import Evidence, Finding
    from reports.problem import Problem

PROBLEM_BY_REASON: Mapping[FailureReason, Problem] = {
    FailureReason.NAME_UNKNOWN: way.HOST_UNKNOWN,
    FailureReason.REFUSED: way.NOTHING_LISTENING,
    FailureReason.UNREACHABLE: way.UNREACHABLE,
    FailureReason.TIMED_OUT: way.NO_ANSWER,
    FailureReason.CERTIFICATE: way.CERTIFICATE_REFUSED,
    FailureReason.NOT_TLS: way.NOT_TLS,
    FailureReason.PROXY_UNREACHABLE: way.PROXY_UNREACHABLE,
    FailureReason.PROXY_REFUSED: way.PROXY_REFUSED,
    FailureReason.CLOSED_EARLY: way.CLOSED_EARLY,
    FailureReason.NOT_WEBSOCKET: way.NOT_HTTP,
    FailureReason.BAD_ACCEPT: way.BAD_ACCEPT,
}

#: What a proxy's answer to CONNECT means; any other status comes from something that is no proxy.
_PROXY_STATUSES: Mapping[int, Problem] = {
    **dict.fromkeys((401, 403, 407), way.PROXY_REFUSED),
    **dict.fromkeys((500, 502, 503, 504), way.PROXY_FAILED),
}


#: How the network seam words an alert of TLS, which is no reason of its own there.
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
    """Make the finding for a connection that failed. `status` is what a proxy answered."""
    known = (
        way.TLS_REFUSED
        if reason is FailureReason.CLOSED_EARLY and _TLS_REFUSED in detail
        else PROBLEM_BY_REASON[reason]
    )
    if reason is FailureReason.PROXY_REFUSED and status is not None:
        known = _PROXY_STATUSES.get(status, way.NOT_A_PROXY)
    told = f"{known.cause} It said {status}." if known is way.NOT_A_PROXY else known.cause
    return host_problem(row, known, headline(detail), *evidence, host=host, proxy_variable=proxy_variable, cause=told)


def host_problem(
    row: CheckRow, known: Problem, *evidence: Evidence, host: str, proxy_variable: str = "HTTPS_PROXY", cause: str = ""
) -> Finding:
    """Make a finding with host and proxy variable put into its words."""
    filled = [
        text.replace("VARIABLE", proxy_variable or "HTTPS_PROXY").replace("HOST", host)
        for text in (cause or known.cause, known.fix)
    ]
    return row.problem(known, *evidence, cause=filled[0], fix=filled[1])
