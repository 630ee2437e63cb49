"""The core's limits and time-outs, each with its reason: one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from bridge.core.input_buffer import InputBufferLimits
from bridge.core.pacing.error_throttle import WINDOW_SECONDS
from bridge.core.spending.caps import Caps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.spending.usage import Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreSettings:
    """How often a session is retried, how long it waits, and how much it keeps."""

    attempts: int = 3
    """To open the first session: one, and two retries."""
    reconnect_attempts: int = 5
    """After one loss."""
    max_reconnects: int = 50
    """For one client connection. An upstream that loses more sessions than this doesn't want the client."""
    ready_seconds: float = 10.0
    """From the start of an attempt to the confirmed configuration."""
    backoff_base_seconds: float = 1.0
    backoff_cap_seconds: float = 8.0
    """Waits between attempts grow from the base to the cap, with full jitter."""
    openings_at_once: int = 5
    seconds_per_opening: float = 1.0
    """How many upstream sessions one client may have opened at once, and how often after that."""
    stall_seconds: float = 15.0
    """A response or a commit is outstanding and no event came for this long: the session counts as lost."""
    no_session_seconds: float = inf
    """How long a client connection may be without a session and without asking for one: it holds a place that others
    need."""
    buffer_limits: InputBufferLimits = field(default_factory=InputBufferLimits)
    sent_at_once: int = 256
    """How many buffered entries a ready session sends before others have their turn: 5 s of speech in chunks of 20 ms,
    which take a few milliseconds. A client may have buffered twenty thousand tiny chunks."""
    replay_ms: float = 30_000
    """How much unanswered speech is kept for replay."""
    drop_notice_seconds: float = 1.0
    """Between two `audio_dropped` messages."""
    error_window_seconds: float = WINDOW_SECONDS
    caps: Caps = field(default_factory=Caps)
    """What ends a client's session although nobody asked."""
    cap_notice_seconds: float = 60.0
    """How long before a cap of time the client is told."""
    prices: Mapping[str, Prices] = field(default_factory=dict)
    """What tokens and speech cost, by model, as far as it is known."""
    rollover: bool = True
    """Open a fresh session before the current one reaches its maximum age."""
    rollover_before_seconds: float = 120.0
    """From this long before the maximum age on, the first pause in the conversation is used for the rollover."""
    rollover_latest_seconds: float = 20.0
    """This long before the maximum age the rollover happens, pause or not."""
