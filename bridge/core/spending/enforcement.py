"""The caps of a session: when one is reached, and what happens then. What the caps are is in `caps.py`.

A cap of time is announced, and then ends the session and the connection at once. A cap of cost or tokens lets the
active response finish; what asks for another one is refused from then on. The connection stays, to say so.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from bridge.core import ending
from bridge.core.spending.caps import BUDGET_ERROR
from bridge.core.states import IN_SESSION, State
from bridge.core.to_upstream import refuse_for_budget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.core.session_data import SessionData

#: The reason for the client, and the error code and message for an SDK.
BUDGET: Final = ("budget", *BUDGET_ERROR)
_NORMAL_CLOSE: Final = 1000


def next_at(data: SessionData) -> float:
    """Return when a cap of time is to be announced or is reached next; infinity if none is set."""
    times = (
        at if data.announced_caps.get(reason) == at else _notice_at(data, at, length)
        for reason, at, length in _ends(data)
    )
    return min(times, default=inf)


def enforce(data: SessionData) -> None:
    """Announce the caps of time that are near, and end the session if a cap is reached."""
    for reason, at, length in _ends(data):
        if data.now >= at:
            _end_for_time(data, reason, length)
            return
        if data.now >= _notice_at(data, at, length) and data.announced_caps.get(reason) != at:
            data.announced_caps[reason] = at
            data.send_message("session_expiring", reason=reason, expiresInMs=round((at - data.now) * 1000))
            data.log("session.expiring", reason=reason)
    if data.phase in IN_SESSION and data.exhausted and not _answering(data):
        if data.generation.responses.queued:
            refuse_for_budget(data)
        ending.end_at_cap(data, *BUDGET)


def _ends(data: SessionData) -> Iterator[tuple[str, float, float]]:
    """Yield for each cap of time the reason, when the session ends, and the length of the cap.

    An SDK without a session is being closed.
    """
    caps = data.settings.caps
    if data.closed or (data.native and data.phase not in IN_SESSION):
        return
    yield "max_duration", data.began_at + caps.max_session_seconds, caps.max_session_seconds
    yield "idle", _idle_since(data) + caps.idle_seconds, caps.idle_seconds


def _idle_since(data: SessionData) -> float:
    """Return since when neither side has spoken; infinity while one speaks, or there is no session to judge."""
    generation = data.generation
    if data.state is not State.READY or generation.responses.outstanding or generation.replay.speaking:
        return inf
    return max(data.active_at, generation.ready_at)


def _notice_at(data: SessionData, at: float, length: float) -> float:
    """Return when the client is told; of a short cap, at half of it."""
    return at - min(data.settings.cap_notice_seconds, length / 2) if at < inf else inf


def _answering(data: SessionData) -> bool:
    """Whether a response of the conversation is active or has gone upstream: it is finished."""
    responses = data.generation.responses
    return data.state is State.READY and (responses.active is not None or responses.pending_request is not None)


def _end_for_time(data: SessionData, reason: str, length: float) -> None:
    texts = {
        "idle": f"Nobody has spoken for {length:g} s.",
        "max_duration": f"The connection reached its maximum of {length:g} s.",
    }
    ending.end_at_cap(data, reason, "SESSION_EXPIRED", texts[reason])
    if not data.native:  # an SDK is closed behind the error
        ending.close_client(data, _NORMAL_CLOSE, reason)
