"""What it means that a connection could not be made: every reason of the network seam, in words for people.

One table; the same reason reads the same whether the socket or a REST call met it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.upstream.failures import Reason
from probes.findings import seen
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.findings import Row
    from reports.model import Evidence, Finding


@dataclass(frozen=True, slots=True)
class Trouble:
    """One reason, explained. ERROR: nobody could be asked; FAIL: somebody answered, and wrongly."""

    slug: str
    title: str
    cause: str
    fix: str
    severity: Severity = Severity.FAIL


TROUBLES: Mapping[Reason, Trouble] = {
    Reason.NAME_UNKNOWN: Trouble(
        "HOST-UNKNOWN",
        "The host's name is not known here",
        "The name is mistyped, this machine has no network, or its name server does not know it (VPN, split DNS).",
        "compare the host in the base URL letter by letter, then ask the name server: nslookup HOST",
        Severity.ERROR,
    ),
    Reason.REFUSED: Trouble(
        "NOTHING-LISTENING",
        "Nothing listens at this address",
        "The host answers, but no server runs on this port; or a firewall refuses in its place.",
        "start the server, or correct host and port of the base URL",
        Severity.ERROR,
    ),
    Reason.UNREACHABLE: Trouble(
        "UNREACHABLE",
        "There is no way to this address",
        "No network, no route, or only IPv6 addresses where there is no IPv6.",
        "check the network of this machine; behind a company proxy set HTTPS_PROXY",
        Severity.ERROR,
    ),
    Reason.TIMED_OUT: Trouble(
        "NO-ANSWER",
        "The address does not answer",
        "A firewall drops the packets in silence, the host is down, or the way is too slow for the time-out.",
        "try from another network, with HTTPS_PROXY where one is needed, or with a longer --timeout",
        Severity.ERROR,
    ),
    Reason.CERTIFICATE: Trouble(
        "CERTIFICATE-REFUSED",
        "The server's certificate is not to be trusted",
        "It has expired, belongs to another host, or was signed by somebody unknown here, such as a company's proxy.",
        "renew it or correct the host; for a company's own authority: export SSL_CERT_FILE=/path/to/its-ca.pem",
    ),
    Reason.NOT_TLS: Trouble(
        "NOT-TLS",
        "The server does not speak TLS on this port",
        "A plain HTTP server or something else answers where https was expected.",
        "use the port that speaks TLS, or for a local server a base URL that begins with http://",
    ),
    Reason.PROXY_UNREACHABLE: Trouble(
        "PROXY-UNREACHABLE",
        "The proxy cannot be reached",
        "The environment names a proxy (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY) that does not answer.",
        "correct the variable, or leave the proxy out for this host: export NO_PROXY=HOST",
        Severity.ERROR,
    ),
    Reason.PROXY_REFUSED: Trouble(
        "PROXY-REFUSED",
        "The proxy refuses to connect",
        "It wants credentials (407), or its rules do not allow this host or port (403).",
        "ask whoever runs the proxy to allow the host, or put credentials in: HTTPS_PROXY=http://USER:PASSWORD@PROXY:PORT",
    ),
    Reason.CLOSED_EARLY: Trouble(
        "CLOSED-EARLY",
        "The connection was closed instead of an answer",
        "The server or a proxy in between crashed, is overloaded, or wants TLS where plain HTTP was sent.",
        "try again; then check scheme (http or https) and port of the base URL, and the proxy's log",
    ),
    Reason.NOT_WEBSOCKET: Trouble(
        "NOT-HTTP",
        "What answers there does not speak HTTP",
        "Another kind of server listens on this port, or TLS was met with plain bytes.",
        "check scheme (http or https), host and port of the base URL",
    ),
    Reason.BAD_ACCEPT: Trouble(
        "BAD-ACCEPT",
        "The upgrade's answer was not made for this request",
        "Its Sec-WebSocket-Accept is wrong: a cache or a proxy gave the answer of somebody else, or made one up.",
        "take the proxy or cache in between out of the way, or make it pass 'Upgrade: websocket' through untouched",
    ),
}


def trouble(row: Row, reason: Reason, detail: str, *evidence: Evidence, host: str) -> Finding:
    """Make the finding for a connection that failed. `host` is put into the advice."""
    known = TROUBLES[reason]
    return row.problem(
        known.slug,
        known.title,
        seen("", detail),
        *evidence,
        cause=known.cause,
        fix=known.fix.replace("HOST", host),
        severity=known.severity,
    )
