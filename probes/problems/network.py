"""Problems on the way to a server: names, connections, TLS, proxies. Values only.

In a cause or fix, HOST stands for the target's host and VARIABLE for the environment variable that names the proxy;
`probes/runner/network_findings.py` fills them in.
"""

from __future__ import annotations

from reports.model import Severity
from reports.problem import Problem

HOST_UNKNOWN = Problem(
    "ACCESS-HOST-UNKNOWN",
    "The host name can't be resolved",
    "The name is misspelled, this machine is offline, or its DNS server doesn't know the name (VPN, split DNS).",
    "Check the spelling of the host in the base URL, then query DNS: nslookup HOST",
    Severity.ERROR,
)
NAME_NO_ANSWER = Problem(
    "ACCESS-NAME-NO-ANSWER",
    "The DNS server doesn't respond",
    "This machine is offline, or its DNS server is down or unreachable.",
    "Check the network, then query DNS: nslookup HOST",
    Severity.ERROR,
)
NOTHING_LISTENING = Problem(
    "ACCESS-NOTHING-LISTENING",
    "Nothing listens at this address",
    "The host is up, but no server runs on this port, or a firewall rejects the connection.",
    "Start the server, or correct the host and port of the base URL",
    Severity.ERROR,
)
UNREACHABLE = Problem(
    "ACCESS-UNREACHABLE",
    "The address is unreachable",
    "No network, no route, or the host has only IPv6 addresses and this machine has no IPv6.",
    "Check this machine's network; behind a company proxy set HTTPS_PROXY",
    Severity.ERROR,
)
NO_ANSWER = Problem(
    "ACCESS-NO-ANSWER",
    "The address doesn't respond",
    "A firewall drops the packets, the host is down, or the network is too slow for the timeout.",
    "Try from another network, with HTTPS_PROXY if one is needed, or with a longer --timeout",
    Severity.ERROR,
)
CERTIFICATE_REFUSED = Problem(
    "ACCESS-CERTIFICATE-REFUSED",
    "The server's certificate can't be verified",
    "It has expired, belongs to another host, or was signed by an authority that this machine doesn't trust, such as "
    "a company proxy's.",
    "Renew it or correct the host; to trust a company's own authority: export SSL_CERT_FILE=/path/to/its-ca.pem",
)
CERTIFICATE_ENDS_SOON = Problem(
    "ACCESS-CERTIFICATE-ENDS-SOON",
    "The server's certificate expires within days",
    "It hasn't been renewed yet. Once it has expired, every connection fails.",
    "Renew it, or tell the operator of HOST",
    Severity.WARNING,
)
NOT_TLS = Problem(
    "ACCESS-NOT-TLS",
    "The server doesn't speak TLS on this port",
    "A plain HTTP server, or something else, answers where https was expected.",
    "Use the TLS port, or for a local server a base URL that starts with http://",
)
TLS_REFUSED = Problem(
    "ACCESS-TLS-REFUSED",
    "The server rejects the TLS handshake",
    "It speaks only an old TLS version, requires a client certificate, or doesn't serve this host name.",
    "Configure the server or its gateway for TLS 1.2 or 1.3 under the name HOST, without a client certificate",
)
NO_TLS = Problem(
    "ACCESS-NO-TLS",
    "The key is sent unencrypted",
    "The base URL starts with http:// and points to another machine: anyone on the network path can read the key.",
    "Use https://HOST",
    Severity.WARNING,
)
PROXY_UNKNOWN = Problem(
    "ACCESS-PROXY-UNKNOWN",
    "The proxy's host name can't be resolved",
    "The environment variable VARIABLE names this proxy, and DNS doesn't know its host.",
    "Correct VARIABLE, or bypass the proxy for this host: export NO_PROXY=HOST",
    Severity.ERROR,
)
PROXY_UNREACHABLE = Problem(
    "ACCESS-PROXY-UNREACHABLE",
    "The proxy can't be reached",
    "The environment variable VARIABLE names a proxy that doesn't respond.",
    "Correct VARIABLE, or bypass the proxy for this host: export NO_PROXY=HOST",
    Severity.ERROR,
)
PROXY_REFUSED = Problem(
    "ACCESS-PROXY-REFUSED",
    "The proxy refuses to connect",
    "It requires credentials (407), or its rules block this host or port (401, 403).",
    "Ask the proxy's operator to allow HOST, or add credentials: VARIABLE=http://USER:PASSWORD@PROXY:PORT",
)
PROXY_FAILED = Problem(
    "ACCESS-PROXY-FAILED",
    "The proxy can't connect to the host",
    "It accepted the request, then answered CONNECT with a 5xx status: it couldn't reach the host itself.",
    "Correct the host in the base URL, or ask the proxy's operator whether it can reach HOST",
)
NOT_A_PROXY = Problem(
    "ACCESS-NOT-A-PROXY",
    "The configured proxy probably isn't a proxy",
    "It doesn't support CONNECT, which every proxy uses for https connections: an ordinary web server listens there.",
    "Correct VARIABLE, or bypass the proxy for this host: export NO_PROXY=HOST",
)
CLOSED_EARLY = Problem(
    "ACCESS-CLOSED-EARLY",
    "The connection was closed before a response",
    "The server or a proxy on the way crashed, is overloaded, or expects TLS and got plain HTTP.",
    "Try again; then check the scheme (http or https) and port of the base URL, and the proxy's log",
)
NOT_HTTP = Problem(
    "ACCESS-NOT-HTTP",
    "The server at this address doesn't speak HTTP",
    "Another kind of server listens on this port, or it expects TLS and got plain HTTP.",
    "Check the scheme (http or https), host and port of the base URL",
)
BAD_ACCEPT = Problem(
    "ACCESS-BAD-ACCEPT",
    "The upgrade response doesn't belong to this request",
    "Its Sec-WebSocket-Accept is wrong: a cache or proxy replayed the response of another request, or made one up.",
    "Remove the proxy or cache, or make it forward 'Upgrade: websocket' unchanged",
)

#: What makes each proxy forward the upgrade. One line each, because reports show a fix line by line.
FORWARD_UPGRADE = (
    "In nginx, in the location: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
    'proxy_set_header Connection "upgrade"; proxy_read_timeout 1h;\n'
    "In HAProxy, which forwards it in mode http: remove 'http-request del-header Upgrade', and add: timeout tunnel 1h\n"
    "In Envoy, in the HTTP connection manager: upgrade_configs: [{upgrade_type: websocket}], stream_idle_timeout: 1h"
)
UPGRADE_STRIPPED = Problem(
    "ACCESS-UPGRADE-STRIPPED",
    "A proxy on the way doesn't forward the WebSocket upgrade",
    "It removes 'Upgrade: websocket' from the request, as nginx does by default, so the server sees an ordinary GET; "
    "or it refuses the upgrade itself, as Envoy does by default.",
    FORWARD_UPGRADE,
)
IDLE_CUT = Problem(
    "ACCESS-IDLE-CUT",
    "A proxy's idle time-out cuts quiet connections",
    "It ends the TCP connection, without a Close frame, when nothing was sent for a while, such as in a pause of the "
    "conversation. By default nginx does so after 60 s, and so do the load balancers of AWS.",
    "In nginx, in the location: proxy_read_timeout 1h; proxy_send_timeout 1h;\n"
    "In HAProxy: timeout tunnel 1h\n"
    "In Envoy, in the HTTP connection manager: stream_idle_timeout: 1h\n"
    "Where you can't change the proxy: send a WebSocket ping more often than that, from either side",
)
