"""What it means that a connection could not be made: every reason of the network seam, in words for people.

One table; the same reason reads the same whether the socket or a REST call met it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.upstream.dial.errors import Reason
from probes.problems import network as way
from probes.runner.findings import seen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.runner.findings import Row
    from reports.model import Evidence, Finding
    from reports.problem import Problem

TROUBLES: Mapping[Reason, Problem] = {
    Reason.NAME_UNKNOWN: way.HOST_UNKNOWN,
    Reason.REFUSED: way.NOTHING_LISTENING,
    Reason.UNREACHABLE: way.UNREACHABLE,
    Reason.TIMED_OUT: way.NO_ANSWER,
    Reason.CERTIFICATE: way.CERTIFICATE_REFUSED,
    Reason.NOT_TLS: way.NOT_TLS,
    Reason.PROXY_UNREACHABLE: way.PROXY_UNREACHABLE,
    Reason.PROXY_REFUSED: way.PROXY_REFUSED,
    Reason.CLOSED_EARLY: way.CLOSED_EARLY,
    Reason.NOT_WEBSOCKET: way.NOT_HTTP,
    Reason.BAD_ACCEPT: way.BAD_ACCEPT,
}

#: What a proxy's answer to CONNECT means; any other status comes from something that is no proxy.
_PROXY_STATUSES: Mapping[int, Problem] = {
    **dict.fromkeys((401, 403, 407), way.PROXY_REFUSED),
    **dict.fromkeys((500, 502, 503, 504), way.PROXY_FAILED),
}


#: How the network seam words an alert of TLS, which is no reason of its own there.
_TLS_REFUSED = "refused the TLS handshake"


def trouble(
    row: Row,
    reason: Reason,
    detail: str,
    *evidence: Evidence,
    host: str,
    variable: str = "HTTPS_PROXY",
    status: int | None = None,
) -> Finding:
    """Make the finding for a connection that failed. `status` is what a proxy answered."""
    known = way.TLS_REFUSED if reason is Reason.CLOSED_EARLY and _TLS_REFUSED in detail else TROUBLES[reason]
    if reason is Reason.PROXY_REFUSED and status is not None:
        known = _PROXY_STATUSES.get(status, way.NOT_A_PROXY)
    told = f"{known.cause} It said {status}." if known is way.NOT_A_PROXY else known.cause
    return told_of(row, known, seen("", detail), *evidence, host=host, variable=variable, cause=told)


def told_of(
    row: Row, known: Problem, *evidence: Evidence, host: str, variable: str = "HTTPS_PROXY", cause: str = ""
) -> Finding:
    """Make a finding with host and proxy variable put into its words."""
    filled = [
        text.replace("VARIABLE", variable or "HTTPS_PROXY").replace("HOST", host)
        for text in (cause or known.cause, known.fix)
    ]
    return row.problem(known, *evidence, cause=filled[0], fix=filled[1])
