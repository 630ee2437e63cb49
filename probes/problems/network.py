"""Problems on the way to a server: names, connections, TLS, proxies. Values only; `problems.py` knows them all.

In a fix, HOST stands for the target's host and VARIABLE for the one that names the proxy.
"""

from __future__ import annotations

from reports.model import Severity
from reports.problem import Problem

HOST_UNKNOWN = Problem(
    "HOST-UNKNOWN",
    "The host's name is not known here",
    "The name is mistyped, this machine has no network, or its name server does not know it (VPN, split DNS).",
    "Compare the host in the base URL letter by letter, then ask the name server: nslookup HOST",
    severity=Severity.ERROR,
)
NAME_NO_ANSWER = Problem(
    "NAME-NO-ANSWER",
    "The name server does not answer",
    "This machine has no network, or its name server is down or out of reach.",
    "Check the network, then ask the name server: nslookup HOST",
    severity=Severity.ERROR,
)
NOTHING_LISTENING = Problem(
    "NOTHING-LISTENING",
    "Nothing listens at this address",
    "The host answers, but no server runs on this port; or a firewall refuses in its place.",
    "Start the server, or correct host and port of the base URL",
    severity=Severity.ERROR,
)
UNREACHABLE = Problem(
    "UNREACHABLE",
    "There is no way to this address",
    "No network, no route, or only IPv6 addresses where there is no IPv6.",
    "Check the network of this machine; behind a company proxy set HTTPS_PROXY",
    severity=Severity.ERROR,
)
NO_ANSWER = Problem(
    "NO-ANSWER",
    "The address does not answer",
    "A firewall drops the packets in silence, the host is down, or the way is too slow for the time-out.",
    "Try from another network, with HTTPS_PROXY where one is needed, or with a longer --timeout",
    severity=Severity.ERROR,
)
CERTIFICATE_REFUSED = Problem(
    "CERTIFICATE-REFUSED",
    "The server's certificate is not to be trusted",
    "It has expired, belongs to another host, or was signed by somebody unknown here, such as a company's proxy.",
    "Renew it or correct the host; for a company's own authority: export SSL_CERT_FILE=/path/to/its-ca.pem",
)
CERTIFICATE_ENDS_SOON = Problem(
    "CERTIFICATE-ENDS-SOON",
    "The server's certificate ends within days",
    "Whoever runs this server has not renewed it; from that day on every connection fails.",
    "Tell whoever runs HOST, or renew it",
    severity=Severity.WARNING,
)
NOT_TLS = Problem(
    "NOT-TLS",
    "The server does not speak TLS on this port",
    "A plain HTTP server or something else answers where https was expected.",
    "Use the port that speaks TLS, or for a local server a base URL that begins with http://",
)
TLS_REFUSED = Problem(
    "TLS-REFUSED",
    "The server refuses the TLS handshake",
    "It speaks only an old version of TLS, wants a client certificate, or knows nothing of this host's name.",
    "Let the server or the gateway before it take TLS 1.2 or 1.3 under the name HOST, without a client certificate",
)
NO_TLS = Problem(
    "NO-TLS",
    "The key travels unencrypted",
    "The base URL begins with http:// and leads to another machine: everybody on the way can read the key.",
    "Use https://HOST",
    severity=Severity.WARNING,
)
PROXY_UNKNOWN = Problem(
    "PROXY-UNKNOWN",
    "The proxy's name is not known here",
    "The proxy stands in the environment, in VARIABLE, and no name server here knows its host.",
    "Correct VARIABLE, or leave the proxy out for this host: export NO_PROXY=HOST",
    severity=Severity.ERROR,
)
PROXY_UNREACHABLE = Problem(
    "PROXY-UNREACHABLE",
    "The proxy cannot be reached",
    "The environment names a proxy, in VARIABLE, that does not answer.",
    "Correct VARIABLE, or leave the proxy out for this host: export NO_PROXY=HOST",
    severity=Severity.ERROR,
)
PROXY_REFUSED = Problem(
    "PROXY-REFUSED",
    "The proxy refuses to connect",
    "It wants credentials (407), or its rules do not allow this host or port (401, 403).",
    "Ask whoever runs the proxy to allow HOST, or put credentials in: VARIABLE=http://USER:PASSWORD@PROXY:PORT",
)
PROXY_FAILED = Problem(
    "PROXY-FAILED",
    "The proxy gets no connection to the host",
    "A 5xx answer to CONNECT: the proxy let us in, and could not reach the host itself.",
    "Correct the host of the base URL, or ask whoever runs the proxy whether it can reach HOST",
)
NOT_A_PROXY = Problem(
    "NOT-A-PROXY",
    "What should be the proxy is probably none",
    "It does not know CONNECT, by which every proxy opens https connections: an ordinary web server listens there.",
    "Correct VARIABLE, or leave the proxy out for this host: export NO_PROXY=HOST",
)
CLOSED_EARLY = Problem(
    "CLOSED-EARLY",
    "The connection was closed instead of an answer",
    "The server or a proxy in between crashed, is overloaded, or wants TLS where plain HTTP was sent.",
    "Try again; then check scheme (http or https) and port of the base URL, and the proxy's log",
)
NOT_HTTP = Problem(
    "NOT-HTTP",
    "What answers there does not speak HTTP",
    "Another kind of server listens on this port, or TLS was met with plain bytes.",
    "Check scheme (http or https), host and port of the base URL",
)
BAD_ACCEPT = Problem(
    "BAD-ACCEPT",
    "The upgrade's answer was not made for this request",
    "Its Sec-WebSocket-Accept is wrong: a cache or a proxy gave the answer of somebody else, or made one up.",
    "Take the proxy or cache in between out of the way, or make it pass 'Upgrade: websocket' through untouched",
)
