"""What the loss of a session costs: what is requested again in the new one, what can't come back, what is dropped.

`lifecycle.py` decides when. Nothing is lost silently: it is counted for `audio_dropped` or named in `reconnected.lost`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.core.client_items import ANNOUNCEMENTS, deleted
from bridge.core.commands import EndResponse, SendNative
from bridge.core.generation import Recovery
from bridge.core.input_buffer import BYTES_PER_MS, DroppedInput
from bridge.core.states import CONFIGURING
from bridge.core.to_upstream import RESPONSE_CREATE, note_spoken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.core.events import Failure
    from bridge.core.open_responses import OpenResponse
    from bridge.core.responses import ResponseRequest
    from bridge.core.session_data import SessionData


#: Items that are remembered as gone; the client has learned long ago that an earlier one is.
MAX_GONE = 1000


def end_responses(data: SessionData) -> list[OpenResponse]:
    """End every response that the client saw begin: its session says no more. Returns them."""
    ended = data.generation.open_responses.take()
    for response in ended:
        data.emit(EndResponse(response, data.generation.dialect))
    return ended


def plan_recovery(data: SessionData) -> Recovery:
    """Return what the fresh session must be sent, now that the session is lost.

    Items whose speech is replayed, and items that are not complete, leave the history: they would come back twice.
    """
    note_spoken(data)
    replay, responses = data.generation.replay, data.generation.responses
    active = responses.active
    half_spoken = active is not None and active.reached_client
    lost: list[str] = []
    if half_spoken:
        lost.append("a half-spoken answer")
    if replay.overflow_ms:
        lost.append(f"{round(replay.overflow_ms)} ms of speech that no longer fit the replay buffer")
        drop_overflow(data)
    unfinished = active.unfinished_items if active is not None else set[str]()
    gone = [item_id for item_id in (*replay.item_ids, *unfinished) if data.history.delete_item(item_id)]
    ended = end_responses(data)
    for call in (call for response in ended for call in response.whole_calls()):
        data.history.record_item(call, ANNOUNCEMENTS)  # the client runs it, and its result needs the call
    if data.native:
        _tell_what_is_gone(data, gone, ended)
    return Recovery(
        lost_at=data.now,
        replay=tuple(replay.entries()),
        request=_request_to_repeat(data),
        respond_after_last_commit=any(responses.respond_after_commit),
        mid_turn=replay.mid_sentence or bool(responses.queued) or (responses.busy and not half_spoken),
        lost=tuple(lost),
    )


def _tell_what_is_gone(data: SessionData, gone: Iterable[str], ended: Iterable[OpenResponse]) -> None:
    """Keep what the client heard of a broken answer, and tell it which of the items that it knows won't come back.

    SDKs keep the conversation too: they cut, delete and continue its items, and the service refuses that for an item
    that it doesn't know.
    """
    kept = {str(item.get("id")): item for response in ended for item in response.half_spoken()}
    for item in kept.values():
        data.history.record_item(item, ANNOUNCEMENTS)
    for item_id in (*(item_id for item_id in gone if item_id not in kept), *data.history.delete_unwritten()):
        data.gone_items[item_id] = None
        data.emit(SendNative(deleted(item_id)))
    while len(data.gone_items) > MAX_GONE:
        del data.gone_items[next(iter(data.gone_items))]


def _request_to_repeat(data: SessionData) -> ResponseRequest | None:
    """Return the request whose answer hasn't begun to reach the client.

    A response that turn detection created has none. It is requested unless speech is replayed: that creates it again.
    """
    responses = data.generation.responses
    active = responses.active
    if active is None or active.reached_client or active.request is not None or responses.cancelled:
        return responses.request_to_repeat()
    return RESPONSE_CREATE if data.generation.replay.ms == 0 else None


def drop_unconfirmed_updates(data: SessionData, failure: Failure) -> Failure:
    """Drop the session updates that may be why a fresh session refused its configuration.

    Returns the failure, retryable if there were any: without them it is worth another attempt.
    """
    if failure.retryable or data.state not in CONFIGURING:
        return failure
    dropped = data.updates.drop_unconfirmed()
    if not dropped:
        return failure
    data.recovery = replace(data.recovery, lost=(*data.recovery.lost, "a session.update that was refused"))
    data.log("update.refused", code=failure.code)
    for event_id in dict.fromkeys(dropped):
        about = {"eventId": event_id} if event_id else {}
        data.send_error("UPSTREAM_ERROR", failure.message, retryable=False, detail={**failure.detail, **about})
    return replace(failure, retryable=True)


def drop_overflow(data: SessionData) -> None:
    """Count the speech that was too old to be replayed and not answered: now that its session is lost, it is too."""
    replay = data.generation.replay
    if replay.overflow_ms:
        data.input_buffer.add_dropped(DroppedInput("buffer_full", replay.overflow_chunks, replay.overflow_ms))


def drop_replay(data: SessionData, entries: Iterable[bytes | None]) -> None:
    """Count speech that went upstream and that no session will be sent again. It is not known whether it was heard."""
    sizes = [len(pcm) for pcm in entries if pcm is not None]
    if sizes:
        data.input_buffer.add_dropped(DroppedInput("session_failed", len(sizes), sum(sizes) / BYTES_PER_MS))


def drop_input(data: SessionData) -> None:
    """Drop all buffered input, and report it."""
    data.input_buffer.drop_all("session_failed")
    data.report_dropped()
