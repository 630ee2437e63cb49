"""The target of `bridge`: the URL of a running bridge, its kind of endpoint, and the client token.

It can be any bridge that speaks the client protocol or forwards native events. Its upstream and upstream key are
unknown to the probe, except for the reference bridge that is embedded together with the simulator.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from bridge.client_protocol.endpoints import CLIENT_PATH, NATIVE_PATH
from bridge.config.resolve import ConfigError
from bridge.upstream.dial.dial import open_stream, upgrade
from bridge.upstream.dial.url import ParsedUrl, Proxy, find_proxy, is_private_host, parse_url
from probes.targets.service import proxy_variable
from reports.model import Evidence
from reports.redaction import Secret

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping

    import httpx

    from bridge.config.resolve import Config
    from bridge.protocol.audio.tracer import TracerReceiver
    from bridge.transport.link import Headers
    from bridge.upstream.dial.dial import OpenedStream, UpgradedConnection
    from probes.runner.redaction import Secrets

_SOCKETS = {"http": "ws", "https": "wss"}
_PAGES = {"ws": "http", "wss": "https"}
#: Query parameters that hold a secret; their values are never shown.
_SECRET_PARAMETERS = frozenset({"ticket", "token", "access_token", "key", "api_key", "api-key"})


class EndpointKind(StrEnum):
    """The two kinds of WebSocket endpoint that a bridge can have."""

    CLIENT = "client"
    """The client endpoint: JSON messages and binary audio of the client protocol."""
    NATIVE = "native"
    """The native endpoint: the Realtime API's own events, forwarded."""


_ENDPOINT_NAMES: Mapping[EndpointKind, str] = {
    EndpointKind.CLIENT: "client protocol",
    EndpointKind.NATIVE: "native events",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeTarget:
    """The bridge that a run checks: its URL, how to reach it, and the limits of a check."""

    url: str
    """The WebSocket URL: `ws://127.0.0.1:8765/api/openai/realtime`."""
    endpoint_kind: EndpointKind
    token: Secret | None
    timeout: float
    """Seconds to wait for each response."""
    secrets: Secrets
    """All secrets of the run; add every secret that a check receives."""
    model: str = ""
    """The model to request; empty for the bridge's default."""
    scenario: str = ""
    """The simulator's scenario if bridge and simulator are embedded; empty for a real bridge."""
    on_progress: Callable[[str], None] = lambda _: None
    """Called with the name of each check before it runs."""
    endpoint: ParsedUrl
    """The URL, parsed."""
    proxy: Proxy | None = None
    proxy_name: str = ""
    """The proxy's address and the variable that names it; empty without a proxy."""
    proxy_variable: str = ""
    ssl_context: ssl.SSLContext | None = None
    upstream_tracer: Callable[[], TracerReceiver] | None = None
    """Returns the tracer audio that the upstream received; None if the upstream can't be asked."""
    open_stream: Callable[[], Awaitable[OpenedStream]] | None = None
    """Opens the connection instead of the network, for a bridge in memory."""
    transport: httpx.AsyncBaseTransport | None = None
    """Carries plain HTTP instead of the network."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """No warnings: those of the settings are about the key, which a bridge never gets."""
        return ()

    @property
    def host(self) -> str:
        """The host of the URL."""
        return self.endpoint.host

    def describe(self) -> tuple[Evidence, ...]:
        """Describe the bridge for the head of a report: URL, endpoint and token."""
        parts = [
            Evidence("url", self.secrets.redact(self.url)),
            Evidence("endpoint", _ENDPOINT_NAMES[self.endpoint_kind]),
        ]
        if self.scenario:
            parts.append(Evidence("service", f"simulated: {self.scenario}"))
        if self.token is not None:
            parts.append(Evidence("token", f"token {self.token.hint}"))
        return tuple(parts)

    def page_url(self, page: str) -> str:
        """Return the HTTP URL of a path beside the WebSocket endpoints, such as `/healthz`."""
        path = self.endpoint.target.partition("?")[0]
        known = next((end for end in (CLIENT_PATH, NATIVE_PATH) if path.endswith(end)), None)
        before = path.removesuffix(known) if known else ""
        return f"{_PAGES.get(self.endpoint.scheme, self.endpoint.scheme)}://{self.endpoint.authority}{before}{page}"

    def headers(self) -> Headers:
        """Return the headers of the upgrade request: the token, if there is one."""
        return () if self.token is None else (("Authorization", f"Bearer {self.token.reveal()}"),)

    async def connect(self) -> OpenedStream:
        """Open TCP and TLS. Raises DialFailed; cancelling closes it at once."""
        if self.open_stream is not None:
            return await self.open_stream()
        return await open_stream(self.endpoint, proxy=self.proxy, ssl_context=self.ssl_context)

    async def upgrade(self, opened: OpenedStream) -> UpgradedConnection:
        """Request the WebSocket upgrade on an open connection. Raises DialFailed and HandshakeRefused."""
        return await upgrade(opened.stream, self.endpoint, headers=self.headers())

    async def dial(self) -> UpgradedConnection:
        """Connect and upgrade. Raises DialFailed and HandshakeRefused; cancelling closes the connection."""
        return await self.upgrade(await self.connect())


def make_bridge_target(
    url: str,
    token: Secret | None,
    config: Config,
    *,
    secrets: Secrets,
    on_progress: Callable[[str], None] = lambda _: None,
    scenario: str = "",
    environment: Mapping[str, str] | None = None,
) -> BridgeTarget:
    """Make the target from a URL as users write it. Raises ConfigError for an invalid one.

    A URL without a path means the client endpoint. A base URL as SDKs use it (`.../v1`), and a path that ends in
    `/v1/realtime`, mean the native endpoint. `environment` may name a proxy; by default it is the process's own.
    """
    environment = os.environ if environment is None else environment
    named = "" if config.model.source == "default" else config.model.value
    if token is not None:
        secrets.add(token)
    try:
        endpoint_kind, socket = _parse_endpoint(_with_scheme(url.strip()), named or config.model.value)
        endpoint = parse_url(socket)
        proxy = find_proxy(endpoint, environment)
    except ValueError as error:
        raise ConfigError(f"the bridge's URL: {error}") from None
    _learn(socket, proxy, secrets)
    variable = proxy_variable(endpoint, environment) if proxy else ""
    return BridgeTarget(
        url=socket,
        endpoint_kind=endpoint_kind,
        token=token,
        timeout=config.timeout.value,
        secrets=secrets,
        model=named,
        scenario=scenario,
        on_progress=on_progress,
        endpoint=endpoint,
        proxy=proxy,
        proxy_name=f"{proxy.address} of {variable}" if proxy else "",
        proxy_variable=variable,
    )


def _with_scheme(url: str) -> str:
    """Add a scheme to a URL without one: ws for private hosts, wss for public ones."""
    scheme, colon, rest = url.partition("://")
    if colon:
        return f"{_SOCKETS.get(scheme.lower(), scheme)}://{rest}"
    if not url or url.partition(":")[0].lower() in (*_SOCKETS, *_PAGES):
        return url  # "ws:/host": parsing reports the mistake
    host = urlsplit(f"ws://{url}").hostname or ""
    return f"{'ws' if is_private_host(host) else 'wss'}://{url}"


def _parse_endpoint(url: str, model: str) -> tuple[EndpointKind, str]:
    """Return the kind of endpoint that a URL names, and the complete URL. Raises ValueError for an invalid URL."""
    parse_url(url)
    parts = urlsplit(url)
    path, query = parts.path.rstrip("/"), parse_qsl(parts.query, keep_blank_values=True)
    if path.endswith("/v1"):
        path += "/realtime"
    asks = any(name in ("model", "intent") for name, _ in query)
    native = path.endswith(NATIVE_PATH) or (path.endswith("/realtime") and asks and not path.endswith(CLIENT_PATH))
    if not native:
        return EndpointKind.CLIENT, parts._replace(path=path or CLIENT_PATH).geturl()
    query += [] if asks else [("model", model)]
    return EndpointKind.NATIVE, parts._replace(path=path, query=urlencode(query)).geturl()


def _learn(url: str, proxy: Proxy | None, secrets: Secrets) -> None:
    for name, value in parse_qsl(urlsplit(url).query):
        if name.lower() in _SECRET_PARAMETERS:
            secrets.add(Secret(value))
    if proxy is not None and proxy.authorization is not None:
        secrets.add(proxy.authorization)
