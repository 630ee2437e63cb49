"""The driver's figures, each with its reason: one frozen value. The core's own are inside it."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.core.settings import CoreSettings
from bridge.transport.keepalive import PING_INTERVAL_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverSettings:
    """How much may wait, and how long things may take."""

    core: CoreSettings = field(default_factory=CoreSettings)
    client_queue_bytes: int = 4 * 2**20
    """Toward the client: about a minute of speech in base64 (64 kB a second), which the service sends faster than it
    is heard."""
    upstream_queue_bytes: int = 8 * 2**20
    """Toward the upstream: what a fresh session is given at once (30 s held and 30 s sent again), twice."""
    connect_seconds: float = 15.0
    """An opening is cut off by the core when it is not ready in time; this is for the case that it does not."""
    upstream_close_seconds: float = 0.8
    """For the upstream's goodbye: all of a client that left is gone within a second."""
    client_close_seconds: float = 2.0
    """For what the client was told last, and its Close frame."""
    ping_seconds: float = PING_INTERVAL_SECONDS
    drain_seconds: float = 10.0
    """What a running session is given when the bridge goes down."""
