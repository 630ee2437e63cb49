"""What is due when: the deadlines of a session, and what happens as each passes.

The driver waits until `Session.deadline` and sends `Tick`. `run_due` also runs after every other event that may have
changed something, so a late tick delays nothing that is due.

Every deadline follows from the session's data alone, not from the time it is asked for. The session can therefore keep
the earliest one until an event changes something (see `Session.handle`).
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from bridge.core import ending, lifecycle
from bridge.core.events import Failure
from bridge.core.spending import enforcement
from bridge.core.states import ATTEMPTING, WAITING, Phase, State

if TYPE_CHECKING:
    from bridge.core.session_data import SessionData

#: The client has no session and none is about to come.
_UNUSED = (Phase.IDLE, Phase.FAILED)


def next_deadline(data: SessionData) -> float:
    """Return when something is due next; infinity if only an event can change anything."""
    if data.closed:
        return inf
    buffer = data.input_buffer
    times = (
        data.now if buffer and data.state is State.READY else None,
        data.throttle.deadline,
        buffer.oldest_expires_at,
        data.drop_notice_at + data.settings.drop_notice_seconds if buffer.has_dropped else None,
        data.retry_at if data.state in WAITING else None,
        data.generation.ready_by if data.state in ATTEMPTING else None,
        _stalled_at(data),
        _rollover_at(data),
        _unused_until(data),
        enforcement.next_at(data),
        data.drain_by,
    )
    return min((time for time in times if time is not None), default=inf)


def run_due(data: SessionData) -> None:
    """Do everything that is due by now. The next attempt comes last: a loss may have made it due at once."""
    now = data.now
    released = data.throttle.pop_due(now)
    if released is not None:
        data.send_released(released)
    data.input_buffer.expire(now)
    if data.state in ATTEMPTING and now >= data.generation.ready_by:
        _not_ready_in_time(data)
    stalled_at = _stalled_at(data)
    if stalled_at is not None and now >= stalled_at:
        lifecycle.close_upstream(data, "stalled")
        lifecycle.session_lost(data, "stalled: a response was outstanding and nothing came")
    _roll_over(data)
    _drain(data)
    _close_unused(data)
    enforcement.enforce(data)
    data.report_dropped()  # what has expired, and what a loss has cost just now
    if data.state in WAITING and now >= data.retry_at:
        lifecycle.retry(data)


def _not_ready_in_time(data: SessionData) -> None:
    lifecycle.close_upstream(data, "not ready in time")
    seconds = data.settings.ready_seconds
    message = f"The session was not ready within {seconds:g} s."
    lifecycle.attempt_failed(data, Failure(code="UPSTREAM_UNAVAILABLE", message=message, retryable=True))


def _stalled_at(data: SessionData) -> float | None:
    generation = data.generation
    if data.state is not State.READY or not (generation.responses.outstanding or generation.replay.commit_pending):
        return None
    return max(generation.responses.outstanding_since, generation.last_event_at) + data.settings.stall_seconds


def _rollover_at(data: SessionData) -> float | None:
    """Return when to announce the rollover or, once announced, when it happens at the latest.

    The pause that it waits for can only begin with an event, and `run_due` runs after it.
    """
    window = _rollover_window(data)
    if window is None:
        return None
    wanted, latest = window
    return latest if data.generation.expiry_announced else wanted


def _rollover_window(data: SessionData) -> tuple[float, float] | None:
    """Return when a rollover is wanted, and when it must happen. A short-lived session has a shorter window."""
    expires_at = data.generation.expires_at
    if data.state is not State.READY or expires_at is None or not data.settings.rollover:
        return None
    age = expires_at - data.generation.ready_at
    wanted = expires_at - min(data.settings.rollover_before_seconds, age / 4)
    return wanted, expires_at - min(data.settings.rollover_latest_seconds, age / 10)


def _roll_over(data: SessionData) -> None:
    window = _rollover_window(data)
    if window is None or data.now < window[0]:
        return
    generation = data.generation
    if not generation.expiry_announced:
        generation.expiry_announced = True
        data.send_message("session_expiring", expiresAt=generation.expires_at_text)
        data.log("session.expiring")
    if data.now >= window[1] or ending.in_pause(data):
        generation.replay.acknowledged()  # a session of this age works: what it did not report was silence
        lifecycle.close_upstream(data, "rollover")
        lifecycle.session_lost(data, "rollover", intended=True)


def _drain(data: SessionData) -> None:
    """End the session in a pause, or when the grace period is over."""
    drain_by = data.drain_by
    if drain_by is None:
        return
    idle = data.phase in _UNUSED
    if data.now >= drain_by or idle or ending.in_pause(data):
        ending.finish_drain(data)


def _unused_until(data: SessionData) -> float | None:
    """Return when a client that has no session and asks for none is closed."""
    if data.phase not in _UNUSED or data.unused_since is None:
        return None
    return data.unused_since + data.settings.no_session_seconds


def _close_unused(data: SessionData) -> None:
    if data.unused_since is None:
        data.unused_since = data.now  # the first event, which tells the time
    until = _unused_until(data)
    if until is not None and data.now >= until:
        ending.close_unused(data)
