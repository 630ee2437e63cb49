"""The core's figures, each with its reason: one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.core.error_throttle import WINDOW_SECONDS
from bridge.core.input_buffer import InputBufferLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreSettings:
    """How patient a session is."""

    attempts: int = 3
    """To open the first session: one, and two retries."""
    reconnect_attempts: int = 5
    """For one loss."""
    max_reconnects: int = 50
    """For one client's socket: more is an upstream that does not want it."""
    ready_seconds: float = 10.0
    """From the beginning of an attempt to the confirmed configuration."""
    backoff_base_seconds: float = 1.0
    backoff_cap_seconds: float = 8.0
    """Waits between attempts grow from the one to the other, with full jitter."""
    stall_seconds: float = 15.0
    """A response or a commit is owed and no event came for so long: the session is given up."""
    buffer_limits: InputBufferLimits = field(default_factory=InputBufferLimits)
    replay_ms: float = 30_000
    """How much unanswered speech is kept for sending again."""
    drop_notice_seconds: float = 1.0
    """Between two `audio_dropped` notices."""
    error_window_seconds: float = WINDOW_SECONDS
    rollover: bool = True
    """Open a fresh session before the old one reaches its maximum age."""
    rollover_before_seconds: float = 120.0
    """From then on a pause in the speech is used for it."""
    rollover_latest_seconds: float = 20.0
    """Then it happens, pause or not."""
