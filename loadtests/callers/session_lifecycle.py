"""Whether a caller has a session: requested, ready, lost, ended, failed. Pure.

One `SessionLifecycle` belongs to one socket. `session.py` reports what the frames say, and asks it when to request a
session. While there is a session, `interval` tracks which audio must arrive and whether anyone answers. Otherwise,
`watchdog` waits for news and `backoff` spaces new requests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loadtests.callers.reconnect_watchdog import ReconnectWatchdog
from loadtests.callers.session_interval import SessionInterval

if TYPE_CHECKING:
    from bridge.protocol.audio.tracer import TracerSource
    from loadtests.callers.backoff import Backoff
    from loadtests.callers.client_events import ReadyEvent
    from loadtests.metrics.recorder import CallRecorder

#: The longest wait for a session: every attempt of a bridge with its back-off.
READY_SECONDS = 45.0
#: A caller that hangs up this long after a loss without a new session was left waiting. No good bridge needs longer.
LEFT_WAITING_SECONDS = 12.0
#: Reasons for which a bridge may end a session without a request.
_EXPECTED_END_REASONS = frozenset({"expired", "draining"})


@dataclass(slots=True, kw_only=True)
class SessionLifecycle:
    """The session of one socket. `now` is seconds on one clock."""

    recorder: CallRecorder
    audio_source: TracerSource
    backoff: Backoff
    reports_attempts: bool
    """Whether the bridge reports each attempt to open a session, and each loss."""
    reads_slowly: bool = False
    """The caller hardly reads, so that an answer may be there unseen."""
    lost_at: float | None = None
    """When this caller lost the session that this socket replaces."""
    is_ready: bool = False
    """Whether there is a session now, as far as a caller can tell."""
    was_ready: bool = False
    has_failed: bool = False
    """No more sessions will follow."""
    end_reason: str = ""
    """Why the session ended on purpose; empty while it has not."""
    is_leaving: bool = False
    """The caller is hanging up. Audio that the bridge drops from here on is not counted."""
    watchdog: ReconnectWatchdog = field(default_factory=ReconnectWatchdog)
    interval: SessionInterval = field(default_factory=SessionInterval)
    _ready_since: float = 0.0
    _requested_at: float | None = None
    _request_at: float | None = None
    _first_requested_at: float | None = None

    @property
    def is_requested(self) -> bool:
        """Whether a session was requested and has not ended, so that it must be closed."""
        return self._requested_at is not None and not self.end_reason

    def request_is_due(self, now: float) -> bool:
        """Return whether a scheduled request for a new session is due."""
        return self._request_at is not None and now >= self._request_at

    def requested(self, now: float) -> None:
        """Record that a session is being requested."""
        self._requested_at, self._request_at = now, None
        self._first_requested_at = self._first_requested_at or now
        self.watchdog.start(now)
        self.end_reason = ""

    def check(self, now: float) -> None:
        """Give up if the session takes too long, or if the bridge sends no news about it."""
        first = self._first_requested_at
        if first is not None and now - first > READY_SECONDS:
            self.fail("no session within 45 s", now)
        elif self.reports_attempts and self.watchdog.has_expired(now) and not self.has_failed:
            self.recorder.add_count("stranded_calls")
            self.fail("no session, and no news about it", now)

    def ready(self, event: ReadyEvent, now: float) -> None:
        """Record that the session is ready, and how long that took."""
        self.recorder.attempts.ready += 1
        if self.lost_at is not None:
            self.recorder.record_duration("reconnect", now - self.lost_at)
            self.lost_at = None
        if event.is_reconnect:
            self.recorder.add_count("reconnections")
        elif self._first_requested_at is not None:
            self.recorder.record_duration("ready", now - self._first_requested_at)
        self.is_ready, self.was_ready, self._ready_since = True, True, now
        self._first_requested_at = None
        self.watchdog.stop()
        self.interval.begin(now)

    def lost(self, now: float) -> None:
        """Record the loss of the session, if there was one: reported by the bridge, or with the socket."""
        if self.is_ready:
            self.backoff.session_lasted(now - self._ready_since)
        self._end_interval(now)
        if self.was_ready and self.lost_at is None:
            self.lost_at = now
        self.is_ready = False

    def ended(self, reason: str, now: float) -> None:
        """Record that the bridge ended the session on purpose."""
        self._end_interval(now)
        self.is_ready, self.end_reason = False, reason
        self.watchdog.stop()
        if reason not in _EXPECTED_END_REASONS and not self.is_leaving:
            self.recorder.add_count("uncalled_ends")

    def schedule_request(self, now: float, at_least: float) -> None:
        """The session failed but the socket is open: schedule a request for a new one, `at_least` seconds from now."""
        self.lost(now)
        self.watchdog.stop()
        if self._requested_at is not None:
            self.recorder.attempts.failed += 1
            self._requested_at, self._request_at = None, now + self.backoff.next_delay(at_least)

    def fail(self, reason: str, now: float) -> None:
        """Record that this caller gets no session any more."""
        if not self.has_failed:
            self.has_failed, self._requested_at, self.is_ready = True, None, False
            self.recorder.attempts.failed += 1
            since = self._first_requested_at if self._first_requested_at is not None else now
            self.recorder.record_failure("failed_calls", reason, now - since)

    def before_hang_up(self, now: float) -> None:
        """Make the checks that are due right before the caller hangs up."""
        self._end_interval(now)
        is_long_lost = self.lost_at is not None and now - self.lost_at > LEFT_WAITING_SECONDS
        if is_long_lost and not (self.is_ready or self.end_reason):
            self.recorder.add_count("left_waiting")

    def _end_interval(self, now: float) -> None:
        """End a stretch with a session. A mute one counts unless losses are not reported or the caller reads slowly."""
        is_counted = self.reports_attempts and not self.reads_slowly
        if self.interval.end(now, self.audio_source.sent_ms) and is_counted:
            self.recorder.add_count("mute_sessions")
