"""What is due when: the deadlines of a session, and what happens as each passes.

The driver waits for `deadline` and then says `Tick`; `run_due` also runs behind every other event, so a late tick is
late only in name. Whatever is due at a deadline is done at that very moment: nothing asks for the same moment twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.core import lifecycle
from bridge.core.events import Failure
from bridge.core.states import State

if TYPE_CHECKING:
    from bridge.core.session_data import SessionData

#: How often a pause is looked for, once one is wanted.
PAUSE_LOOK_SECONDS = 0.5


def next_deadline(data: SessionData) -> float | None:
    """When something is due; None when only an event can change anything."""
    if data.closed:
        return None
    times = (
        data.throttle.deadline,
        data.retry_at,
        data.ready_by,
        data.input_buffer.oldest_expires_at if len(data.input_buffer) else None,
        data.notice_at + data.settings.drop_notice_seconds if data.input_buffer.has_dropped else None,
        _stalled_at(data),
        _rollover_at(data),
        _drain_at(data),
    )
    return min((time for time in times if time is not None), default=None)


def run_due(data: SessionData) -> None:
    """Do what is due by now. An attempt comes last: a loss may have made it due at once."""
    now = data.now
    released = data.throttle.pop_due(now)
    if released is not None:
        data.send_released(released)
    data.input_buffer.expire(now)
    if data.ready_by is not None and now >= data.ready_by:
        _not_ready_in_time(data)
    stalled_at = _stalled_at(data)
    if stalled_at is not None and now >= stalled_at:
        lifecycle.close_upstream(data, "stalled")
        lifecycle.upstream_lost(data, "stalled: an answer was owed and nothing came")
    _roll_over(data)
    _drain(data)
    data.report_dropped()  # what was too old, and what a loss has cost just now
    if data.retry_at is not None and now >= data.retry_at:
        lifecycle.open_upstream(data)


def _not_ready_in_time(data: SessionData) -> None:
    lifecycle.close_upstream(data, "not ready in time")
    seconds = data.settings.ready_seconds
    message = f"The session was not ready within {seconds:g} s."
    lifecycle.attempt_failed(data, Failure(code="UPSTREAM_UNAVAILABLE", message=message, retryable=True))


def _stalled_at(data: SessionData) -> float | None:
    owed = data.responses.owed or data.replay_buffer.commit_pending
    if data.state is not State.READY or not owed:
        return None
    return max(data.responses.owed_since, data.last_event_at) + data.settings.stall_seconds


def _rollover_at(data: SessionData) -> float | None:
    """When to tell of the coming end, to look for a pause, or to change sessions at the latest."""
    if data.state is not State.READY or data.expires_at is None or not data.settings.rollover:
        return None
    wanted, latest = _rollover_window(data, data.expires_at)
    if not data.expiry_announced:
        return wanted
    return min(latest, data.now + PAUSE_LOOK_SECONDS) if data.now < latest else latest


def _rollover_window(data: SessionData, expires_at: float) -> tuple[float, float]:
    """A session that is short by itself keeps its proportions."""
    age = expires_at - data.ready_at
    wanted = expires_at - min(data.settings.rollover_before_seconds, age / 4)
    return wanted, expires_at - min(data.settings.rollover_latest_seconds, age / 10)


def _roll_over(data: SessionData) -> None:
    if data.state is not State.READY or data.expires_at is None or not data.settings.rollover:
        return
    wanted, latest = _rollover_window(data, data.expires_at)
    if data.now < wanted:
        return
    if not data.expiry_announced:
        data.expiry_announced = True
        data.send_message("session_expiring", expiresAt=data.expires_at_text)
        data.log("session.expiring")
    if data.now >= latest or lifecycle.in_pause(data):
        data.replay_buffer.acknowledged()  # a session of that age is well: what it did not report was silence
        lifecycle.close_upstream(data, "rollover")
        lifecycle.upstream_lost(data, "rollover", by_intent=True)


def _drain_at(data: SessionData) -> float | None:
    if data.drain_by is None:
        return None
    return min(data.drain_by, data.now + PAUSE_LOOK_SECONDS)


def _drain(data: SessionData) -> None:
    """End as soon as nobody is in the middle of something, or when the time is up."""
    drain_by = data.drain_by
    if drain_by is None:
        return
    idle = data.state in (State.IDLE, State.FAILED)
    if data.now >= drain_by or idle or lifecycle.in_pause(data):
        lifecycle.finish_drain(data)
