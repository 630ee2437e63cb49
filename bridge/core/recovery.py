"""What a loss costs: what must be asked for again, what cannot come back, what is given up. `life.py` says when.

Nothing is given up in silence: whatever goes is counted for `audio_dropped`, or named in `reconnected.lost`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.core.events import ClientAudio
from bridge.core.input_buffer import Dropped
from bridge.core.to_upstream import RESPONSE_CREATE

if TYPE_CHECKING:
    from bridge.core.events import Failure
    from bridge.core.session_data import SessionData


def without_doubtful_updates(data: SessionData, failure: Failure) -> Failure:
    """Updates that no session has confirmed may be why a fresh one was refused: then it is worth trying without."""
    if failure.retryable or not data.created or not data.updates.give_up():
        return failure
    data.lost.append("a session.update that was refused")
    data.note("update.refused", code=failure.code)
    data.fail("UPSTREAM_ERROR", failure.message, retryable=False, detail=failure.detail)
    return replace(failure, retryable=True)


def take_stock(data: SessionData) -> None:
    """Note what the fresh session must be asked for again, and what cannot come back."""
    turns, unanswered = data.turns, data.unanswered
    data.ask_again = turns.to_ask_again()
    data.ask_after_commit = any(turns.after_commit)
    if turns.active is not None and turns.reached_client:
        data.lost.append("a half-spoken answer")
    if unanswered.past_bound_ms:
        data.lost.append(f"{round(unanswered.past_bound_ms)} ms of speech past the bound")
        drop_past_bound(data)
    for item_id in (*unanswered.item_ids, *turns.unfinished):
        data.context.forget(item_id)
    unheard = turns.active is not None and not turns.reached_client and not turns.cancelled
    if unheard and turns.active_ask is None and unanswered.ms == 0:
        data.ask_again = RESPONSE_CREATE


def drop_past_bound(data: SessionData) -> None:
    """Speech that is too old to be sent again and was not answered is lost with its session: now, and not before."""
    unanswered = data.unanswered
    if unanswered.past_bound_ms:
        data.held.count(Dropped("buffer_full", unanswered.past_bound_chunks, unanswered.past_bound_ms))


def drop_unanswered(data: SessionData) -> None:
    """No session will be sent again what the lost one did not answer, nor is it known whether it was heard."""
    for pcm in data.take_unanswered():
        if pcm is not None:
            data.held.count_dropped(ClientAudio(pcm), "session_failed")


def drop_held(data: SessionData) -> None:
    """Nothing of what waits will go up."""
    data.held.drop_all("session_failed")
    data.tell_dropped()
