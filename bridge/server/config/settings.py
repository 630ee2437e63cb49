"""The settings of a bridge: one frozen value, made by `resolve.py`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING

from bridge.config.prices_file import known_prices
from bridge.config.toml_file import ConfigError
from bridge.core.spending.caps import Caps
from bridge.server.clients.rate_limit import RateLimits
from bridge.server.overload import LoadMarks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.config.resolve import Config
    from bridge.core.spending.usage import Prices
    from bridge.server.addresses import Network
    from bridge.server.clients.native_messages import LockedFields
    from bridge.telemetry.log import LogFormat
    from reports.redaction import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityCaps:
    """The limits of one identity, which is the subject of a ticket."""

    sessions: int = 0
    """At a time, over all workers; 0: no limit."""
    cost_usd: float = inf
    """A day."""
    tokens: float = inf
    """A day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRules:
    """Which clients may connect, and what they may do."""

    origins: tuple[str, ...] = ()
    """Origins that may connect, exactly as browsers send them. Empty: pages on this machine only."""
    token: Secret | None = None
    """The token that clients send, and that signs tickets. None: no authentication."""
    max_sessions: int = 1000
    """Clients at a time, over all workers."""
    sessions_per_ip: int = 100
    """Clients at a time from one address, over all workers; 0: no limit. The /64 of an IPv6
    address counts as one. Loopback addresses have no limit."""
    connections_per_ip: float = 0.0
    """New connections per second from one address, in each worker; 0: no limit."""
    dials_per_ip: float = 0.0
    """Upstream sessions opened per second for the clients of one address, in each worker; 0: no limit."""
    dials: float = 0.0
    """The same for all clients of a worker."""
    trusted_proxies: tuple[Network, ...] = ()
    """Networks of proxies that are believed who their clients are."""
    proxy_protocol: bool = False
    """Whether each connection begins with a header of the PROXY protocol, and trusted proxies alone may connect."""
    used_tickets_dir: str | None = None
    """The folder that remembers used tickets. None: they are forgotten with the bridge, and no other one knows them."""
    no_session_seconds: float = 60.0
    """How long a client may be connected without a session; 0: for ever."""
    caps: Caps = field(default_factory=Caps)
    """How long a client may talk, and how much it may take."""
    identity_caps: IdentityCaps = field(default_factory=IdentityCaps)
    """The limits of everybody with a ticket for the same subject, taken together."""
    prices: Mapping[str, Prices] = field(default_factory=known_prices)
    """What tokens and speech cost, by model."""
    locked: LockedFields = frozenset()
    """Fields of `create_session` that clients may not set."""
    max_message_bytes: int = 4 * 2**20
    """The largest message. The API accepts larger appends, but no chunk of speech is that large."""
    rates: RateLimits = field(default_factory=RateLimits)
    marks: LoadMarks = field(default_factory=LoadMarks)
    """Past what load a worker rejects new clients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDefaults:
    """Session options for clients that set none, and how sessions are opened."""

    voice: str | None = None
    instructions: str | None = None
    turn_detection: str | None = None
    mint: bool = False
    """Mint a client secret for every session, so that the API key is used for REST only."""
    prewarm: int = 0
    """Upstream sessions to keep ready in each worker, for clients that use the default options."""
    rollover: bool = True
    """Replace a session before it reaches its maximum age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminSettings:
    """Where health and metrics are served apart from clients, and to whom."""

    host: str
    port: int
    token: Secret | None = None
    """None: everybody who can connect may ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSettings:
    """All settings of one bridge."""

    host: str = "127.0.0.1"
    port: int = 8765
    admin: AdminSettings | None = None
    """None: health and metrics are served on the clients' port only."""
    clients: ClientRules = field(default_factory=ClientRules)
    session_defaults: SessionDefaults = SessionDefaults()
    upstream: Config
    """The upstream; URL and key are ignored if it is simulated."""
    simulate: str | None = None
    """The scenario of the embedded simulator; None: the real upstream."""
    workers: int = 1
    node: str = "bridge"
    """The name of this bridge among several behind one balancer: the ids of fallback sessions begin with it."""
    tls_cert: str | None = None
    tls_key: str | None = None
    drain_seconds: float = 10.0
    """How long running sessions may continue when the bridge shuts down."""
    page: bool = True
    """Serve the browser page at `/`."""
    log_format: LogFormat | None = None
    """None: console lines on a terminal, JSON otherwise."""
    log_level: str = "info"
    warnings: tuple[str, ...] = ()
    """Problems that don't stop the bridge, one sentence each."""

    def reloaded(self, fresh: BridgeSettings) -> BridgeSettings:
        """Return these settings with what a running bridge can take over from fresh ones.

        That is the rules for clients, and the files of the certificate. Locks belong to the sessions' configuration,
        which stays, and TLS can't be switched on or off. Raises ConfigError if no client would need a token any more: a
        file that was read half written must not open a bridge.
        """
        if self.clients.token is not None and fresh.clients.token is None:
            raise ConfigError(
                "a reload can't take away the client token: restart the bridge to serve clients without one"
            )
        clients = replace(fresh.clients, locked=self.clients.locked)
        if self.tls_cert is None or fresh.tls_cert is None:
            return replace(self, clients=clients)
        return replace(self, clients=clients, tls_cert=fresh.tls_cert, tls_key=fresh.tls_key)
