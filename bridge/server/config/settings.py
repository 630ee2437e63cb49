"""How a bridge is set up: one frozen value. `config.py` makes it from what people wrote."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.server.clients.rate_limit import RateLimits

if TYPE_CHECKING:
    from bridge.config.resolve import Config
    from bridge.server.clients.native_messages import LockedFields
    from bridge.telemetry.log import LogFormat
    from reports.redaction import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRules:
    """Who is let in, and what may be asked of us."""

    origins: tuple[str, ...] = ()
    """Pages that may connect, exactly as browsers name them. Empty: pages of this machine only."""
    token: Secret | None = None
    """What clients show, or sign tickets with. None: nothing is asked for."""
    max_sessions: int = 1000
    """Clients at the same time, over all workers."""
    sessions_per_ip: int = 100
    """Clients from one address, in one worker; 0: as many as there is room for. This machine's own are not counted."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose X-Forwarded-For is believed."""
    locked: LockedFields = frozenset()
    """Fields of `create_session` that are not the client's to choose."""
    max_message_bytes: int = 4 * 2**20
    """A message; one append of the API may be larger, speech never is."""
    rates: RateLimits = field(default_factory=RateLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDefaults:
    """What sessions are when the client does not say, and how the service is asked."""

    voice: str | None = None
    instructions: str | None = None
    turn_detection: str | None = None
    mint: bool = False
    """Every session gets a secret of its own; the key is used for REST only."""
    prewarm: int = 0
    """Upstream sessions kept ready for clients whose wish is the usual one; in each worker."""
    rollover: bool = True
    """A session is replaced before it reaches its maximum age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSettings:
    """Everything about one bridge."""

    host: str = "127.0.0.1"
    port: int = 8765
    clients: ClientRules = field(default_factory=ClientRules)
    session_defaults: SessionDefaults = SessionDefaults()
    upstream: Config
    """Where sessions are opened; address and key are not looked at when it is simulated."""
    simulate: str | None = None
    """The simulator's scenario."""
    workers: int = 1
    tls_cert: str | None = None
    tls_key: str | None = None
    drain_seconds: float = 10.0
    """What running sessions are given when the bridge goes down."""
    log_format: LogFormat | None = None
    """None: lines for people on a terminal, JSON elsewhere."""
    log_level: str = "info"
    warnings: tuple[str, ...] = ()
    """What was tolerated and should be mended, in plain words."""
