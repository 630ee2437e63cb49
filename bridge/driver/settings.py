"""The driver's limits and time-outs, each with its reason: one frozen value. The core's are part of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.core.settings import CoreSettings
from bridge.transport.keepalive import PING_INTERVAL_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverSettings:
    """How much is queued, and how long things may take."""

    core: CoreSettings = field(default_factory=CoreSettings)
    client_queue_bytes: int = 4 * 2**20
    """To the client: about a minute of speech in base64 (64 kB a second). The service sends it faster than it is
    played."""
    connect_seconds: float = 15.0
    """For opening an upstream session. The core gives up earlier (`CoreSettings.ready_seconds`), so this is a
    backstop."""
    upstream_close_seconds: float = 0.8
    """For the upstream's closing handshake: nothing of a client that left remains after a second."""
    client_close_seconds: float = 2.0
    """For the last messages to a client and its Close frame."""
    ping_seconds: float = PING_INTERVAL_SECONDS
    """Between pings to the upstream."""
    client_ping_seconds: float = 10.0
    """Between pings to the client. One that is gone without a word is known 30 s later, three pings on: until then it
    holds a place and an upstream session that costs money."""
    drain_seconds: float = 10.0
    """How long a running session may go on when the bridge shuts down."""
