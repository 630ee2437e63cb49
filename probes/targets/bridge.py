"""What `bridge` looks at: the address of a running bridge, the door there, and the token that opens it.

Any bridge that speaks the client protocol, or passes the native one through. Whose upstream key it uses, and which
upstream, is its own affair: nothing of that is known here, except of a bridge that is embedded with its simulator.
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
#: Words of a query that carry a secret: their values are hidden wherever they would be shown.
_SECRET_WORDS = frozenset({"ticket", "token", "access_token", "key", "api_key", "api-key"})


class EndpointKind(StrEnum):
    """Who is expected to come in by an address."""

    CLIENT = "client"
    """Clients of the client protocol: JSON messages and binary speech."""
    NATIVE = "native"
    """Any client of the Realtime API: its own events, passed through."""


_DOORS: Mapping[EndpointKind, str] = {EndpointKind.CLIENT: "client protocol", EndpointKind.NATIVE: "native events"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeTarget:
    """One bridge to look at."""

    url: str
    """Of the socket: `ws://127.0.0.1:8765/api/openai/realtime`."""
    endpoint_kind: EndpointKind
    token: Secret | None
    timeout: float
    """Seconds to wait for each single answer."""
    secrets: Secrets
    """Where every secret that is met on the way must be made known."""
    model: str = ""
    """The model to ask for; empty: the bridge's own choice."""
    scenario: str = ""
    """The simulator's, where bridge and simulator are embedded; empty for a real bridge."""
    on_progress: Callable[[str], None] = lambda _: None
    """Hears what is being looked at."""
    endpoint: ParsedUrl
    """The address, taken apart."""
    proxy: Proxy | None = None
    proxy_name: str = ""
    """Its address and the variable that names it; empty without one."""
    proxy_variable: str = ""
    ssl_context: ssl.SSLContext | None = None
    upstream_tracer: Callable[[], TracerReceiver] | None = None
    """Gives what the upstream received of tracer audio, where it can be asked."""
    open_stream: Callable[[], Awaitable[OpenedStream]] | None = None
    """Connects in place of the network: to a bridge in memory."""
    transport: httpx.AsyncBaseTransport | None = None
    """Carries plain HTTP in place of the network."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was tolerated in the settings: those of a key, which a bridge is not shown, say nothing here."""
        return ()

    @property
    def host(self) -> str:
        """The host alone, for advice."""
        return self.endpoint.host

    def describe(self) -> tuple[Evidence, ...]:
        """Name the bridge for the head of a report: where, which door, with which token."""
        parts = [Evidence("url", self.secrets.redact(self.url)), Evidence("door", _DOORS[self.endpoint_kind])]
        if self.scenario:
            parts.append(Evidence("service", f"simulated: {self.scenario}"))
        if self.token is not None:
            parts.append(Evidence("token", f"token {self.token.hint}"))
        return tuple(parts)

    def page_url(self, page: str) -> str:
        """Give the address of one of the pages that stand beside the doors: `/healthz`."""
        path = self.endpoint.target.partition("?")[0]
        known = next((end for end in (CLIENT_PATH, NATIVE_PATH) if path.endswith(end)), None)
        before = path.removesuffix(known) if known else ""
        return f"{_PAGES.get(self.endpoint.scheme, self.endpoint.scheme)}://{self.endpoint.authority}{before}{page}"

    def headers(self) -> Headers:
        """Give what goes with the upgrade: the token, where there is one."""
        return () if self.token is None else (("Authorization", f"Bearer {self.token.reveal()}"),)

    async def connect(self) -> OpenedStream:
        """Open TCP and TLS. Raises DialFailed; cancelling closes it at once."""
        if self.open_stream is not None:
            return await self.open_stream()
        return await open_stream(self.endpoint, proxy=self.proxy, ssl_context=self.ssl_context)

    async def upgrade(self, opened: OpenedStream) -> UpgradedConnection:
        """Ask for the WebSocket on an open connection. Raises DialFailed and HandshakeRefused."""
        return await upgrade(opened.stream, self.endpoint, headers=self.headers())

    async def dial(self) -> UpgradedConnection:
        """Go all the way to an open WebSocket. Raises DialFailed and HandshakeRefused; cancelling closes it."""
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
    """Make the target out of what somebody typed. Raises ConfigError, in plain words, for what is no address.

    `environment` names the proxy, this process's own by default. Without a path it is the client door; a base URL as
    SDKs take it (`.../v1`) and a path that ends as the Realtime API's does are the native one.
    """
    environment = os.environ if environment is None else environment
    named = "" if config.model.source == "default" else config.model.value
    if token is not None:
        secrets.add(token)
    try:
        door, socket = _door(_with_scheme(url.strip()), named or config.model.value)
        endpoint = parse_url(socket)
        proxy = find_proxy(endpoint, environment)
    except ValueError as error:
        raise ConfigError(f"the bridge's URL: {error}") from None
    _learn(socket, proxy, secrets)
    variable = proxy_variable(endpoint, environment) if proxy else ""
    return BridgeTarget(
        url=socket,
        endpoint_kind=door,
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
    """Put a scheme in front of a bare host and port: plain near by, TLS for the rest of the world."""
    scheme, colon, rest = url.partition("://")
    if colon:
        return f"{_SOCKETS.get(scheme.lower(), scheme)}://{rest}"
    if not url or url.partition(":")[0].lower() in (*_SOCKETS, *_PAGES):
        return url  # "ws:/host": whoever takes it apart says what to write
    host = urlsplit(f"ws://{url}").hostname or ""
    return f"{'ws' if is_private_host(host) else 'wss'}://{url}"


def _door(url: str, model: str) -> tuple[EndpointKind, str]:
    """Tell which door an address leads to, and complete the address. ValueError for what is none."""
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
        if name.lower() in _SECRET_WORDS:
            secrets.add(Secret(value))
    if proxy is not None and proxy.authorization is not None:
        secrets.add(proxy.authorization)
