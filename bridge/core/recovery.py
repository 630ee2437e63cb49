"""What a loss costs: what must be asked for again, what cannot come back, what is given up. `life.py` says when.

Nothing is given up in silence: whatever goes is counted for `audio_dropped`, or named in `reconnected.lost`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.core.events import ClientAudio
from bridge.core.input_buffer import DroppedInput
from bridge.core.to_upstream import RESPONSE_CREATE

if TYPE_CHECKING:
    from bridge.core.events import Failure
    from bridge.core.session_data import SessionData


def drop_unconfirmed_updates(data: SessionData, failure: Failure) -> Failure:
    """Updates that no session has confirmed may be why a fresh one was refused: then it is worth trying without."""
    if failure.retryable or not data.created or not data.updates.drop_unconfirmed():
        return failure
    data.lost_parts.append("a session.update that was refused")
    data.log("update.refused", code=failure.code)
    data.send_error("UPSTREAM_ERROR", failure.message, retryable=False, detail=failure.detail)
    return replace(failure, retryable=True)


def plan_recovery(data: SessionData) -> None:
    """Note what the fresh session must be asked for again, and what cannot come back."""
    turns, unanswered = data.responses, data.replay_buffer
    data.request_to_repeat = turns.request_to_repeat()
    data.respond_after_last_commit = any(turns.respond_after_commit)
    if turns.active is not None and turns.reached_client:
        data.lost_parts.append("a half-spoken answer")
    if unanswered.overflow_ms:
        data.lost_parts.append(f"{round(unanswered.overflow_ms)} ms of speech past the bound")
        drop_overflow(data)
    for item_id in (*unanswered.item_ids, *turns.unfinished_items):
        data.history.delete_item(item_id)
    unheard = turns.active is not None and not turns.reached_client and not turns.cancelled
    if unheard and turns.active_request is None and unanswered.ms == 0:
        data.request_to_repeat = RESPONSE_CREATE


def drop_overflow(data: SessionData) -> None:
    """Speech that is too old to be sent again and was not answered is lost with its session: now, and not before."""
    unanswered = data.replay_buffer
    if unanswered.overflow_ms:
        data.input_buffer.add_dropped(DroppedInput("buffer_full", unanswered.overflow_chunks, unanswered.overflow_ms))


def drop_replay(data: SessionData) -> None:
    """No session will be sent again what the lost one did not answer, nor is it known whether it was heard."""
    for pcm in data.take_replay():
        if pcm is not None:
            data.input_buffer.count_dropped(ClientAudio(pcm), "session_failed")


def drop_input(data: SessionData) -> None:
    """Nothing of what waits will go up."""
    data.input_buffer.drop_all("session_failed")
    data.report_dropped()
