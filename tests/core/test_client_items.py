"""What an SDK knows of the items of a lost session: restored ones, items that are gone, and its events about them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bridge.core.client_items import ClientItems
from bridge.core.commands import EndResponse, Forward, SendEvent, SendFrame, SendNative
from bridge.core.events import ClientNative, CreateSession, Failure, SessionConfigured, Tick
from bridge.core.recovery import MAX_GONE
from bridge.core.to_client import UNREADABLE_FRAME
from tests.core.builders import (
    SERVER_VAD,
    SESSION_OPTIONS,
    audio,
    configured_with_vad,
    created,
    lost,
    messages,
    native,
    new_session,
    of_type,
    play,
    ready_session,
    response_created,
    response_done,
    speech_item_added,
    text_item_done,
    upstream_error,
)
from tests.core.test_open_responses import CALLING, MESSAGE, SPOKEN

if TYPE_CHECKING:
    from bridge.core.commands import Command
    from bridge.core.session import Session

FIRST = text_item_done("item_0", "Hello")


def sdk_session() -> Session:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS, native=True), created(), configured_with_vad())
    return session


def reopened(session: Session) -> list[Command]:
    """Open the fresh session after a loss, generation 2. Returns the commands that came when it was ready."""
    play(session, Tick(), created(2), now=9.0)
    return play(session, configured_with_vad(2), now=9.0)


def told(commands: list[Command]) -> list[dict[str, Any]]:
    """The events of the core's own that the client got."""
    return [dict(one.event) for one in of_type(SendNative, commands)]


def gone(*item_ids: str) -> list[dict[str, Any]]:
    return [{"type": "conversation.item.deleted", "item_id": item_id} for item_id in item_ids]


def sent(event_type: str, **fields: Any) -> ClientNative:
    body = {"type": event_type, **fields}
    return ClientNative(event_type, json.dumps(body).encode(), body)


def restored(commands: list[Command]) -> list[str]:
    items = [one.event["item"] for one in of_type(SendEvent, commands) if "item" in one.event]
    return [part["text"] for item in items for part in item["content"]]


# Restored items


def test_the_echo_of_a_restored_item_is_not_forwarded() -> None:
    session = sdk_session()
    play(session, native("conversation.item.added", item=FIRST.body["item"] if FIRST.body else {}), FIRST, lost())
    reopened(session)
    echo = [native(f"conversation.item.{kind}", 2, item={**MESSAGE, "id": "item_0"}) for kind in ("added", "done")]
    other = native("conversation.item.added", 2, item={**MESSAGE, "id": "item_9"})
    assert of_type(Forward, play(session, *echo, other)) == [Forward(other.type, other.frame)]


def test_an_announcement_that_the_client_has_not_seen_is_forwarded() -> None:
    session = sdk_session()
    play(session, FIRST, lost())
    reopened(session)
    added = native("conversation.item.added", 2, item={**MESSAGE, "id": "item_0"})
    assert of_type(Forward, play(session, added)) == [Forward(added.type, added.frame)]


def test_other_events_about_a_restored_item_are_forwarded() -> None:
    session = sdk_session()
    play(session, FIRST, lost())
    reopened(session)
    retrieved = native("conversation.item.retrieved", 2, item={**MESSAGE, "id": "item_0"})
    assert of_type(Forward, play(session, retrieved))


def test_at_the_client_endpoint_every_event_is_forwarded() -> None:
    session = ready_session()
    play(session, FIRST, lost())
    reopened(session)
    echo = native("conversation.item.done", 2, item={**MESSAGE, "id": "item_0"})
    assert of_type(Forward, play(session, echo))


def test_what_was_heard_of_a_half_spoken_answer_is_restored_under_its_id() -> None:
    session = sdk_session()
    commands = play(session, FIRST, *SPOKEN, lost())
    assert told(commands) == []
    commands = reopened(session)
    assert restored(commands) == ["Hello", "Hello"]
    item = of_type(SendEvent, commands)[-1].event["item"]
    part = {"type": "output_text", "text": "Hello"}
    assert item == {"id": "item_1", "type": "message", "role": "assistant", "content": [part]}
    echo = native("conversation.item.added", 2, item=MESSAGE)
    assert not of_type(Forward, play(session, echo))


def test_a_client_of_the_client_protocol_is_told_that_the_half_spoken_answer_is_lost() -> None:
    session = ready_session()
    assert told(play(session, FIRST, *SPOKEN, lost())) == []
    commands = reopened(session)
    assert restored(commands) == ["Hello"]
    assert messages(commands, "reconnected")[0]["lost"] == ["a half-spoken answer"]


def test_an_answer_out_of_band_does_not_enter_the_conversation() -> None:
    session = sdk_session()
    first, *others = SPOKEN
    out_of_band = {"id": "resp_1", "conversation_id": None}
    frame = json.dumps({"type": first.type, "response": out_of_band}).encode()
    begun = native("response.created", response=out_of_band)
    play(session, FIRST, type(begun)(1, begun.type, frame, begun.body), *others, lost())
    assert restored(reopened(session)) == ["Hello"]


# Items that are gone


def test_speech_that_is_replayed_is_gone_under_its_old_id() -> None:
    session = sdk_session()
    committed = native("input_audio_buffer.committed", item_id="item_1")
    play(session, audio(100), native("input_audio_buffer.speech_started", audio_start_ms=0), committed)
    commands = play(session, speech_item_added("item_1"), lost())
    assert told(commands) == gone("item_1")


def test_speech_without_a_transcript_is_gone() -> None:
    session = sdk_session()
    commands = play(session, FIRST, speech_item_added("item_1"), response_created(), response_done(), lost())
    assert told(commands) == gone("item_1")
    assert restored(reopened(session)) == ["Hello"]


def test_an_answer_of_which_nothing_was_heard_and_half_a_call_are_gone() -> None:
    for begun in (SPOKEN[:3], [*CALLING, native("conversation.item.added", item={**MESSAGE, "type": "function_call"})]):
        session = sdk_session()
        commands = play(session, FIRST, *begun, lost())
        assert told(commands) == gone("item_1")
        ends = [index for index, one in enumerate(commands) if isinstance(one, EndResponse)]
        assert ends
        assert ends[0] < commands.index(SendNative(gone("item_1")[0]))


def test_an_item_that_the_client_never_saw_is_not_reported() -> None:
    session = sdk_session()
    assert told(play(session, *SPOKEN[:2], lost())) == []


def test_only_so_many_items_are_remembered_as_gone() -> None:
    session = sdk_session()
    for turn in range(MAX_GONE // 100 + 1):
        play(session, *(speech_item_added(f"item_{turn}_{number}", 2 * turn + 1) for number in range(100)))
        play(session, lost(2 * turn + 1), now=100.0 * turn)
        play(session, Tick(), created(2 * turn + 2), now=100.0 * turn + 9)
        play(session, configured_with_vad(2 * turn + 2), now=100.0 * turn + 9)
        play(session, lost(2 * turn + 2), now=100.0 * turn + 50)
        play(session, Tick(), created(2 * turn + 3), now=100.0 * turn + 59)
        play(session, configured_with_vad(2 * turn + 3), now=100.0 * turn + 59)
    generation = session.statistics().generation
    first, last = ("item_0_0", "item_10_99")
    for name, expected in ((first, []), (last, gone(last))):
        commands = play(session, sent("conversation.item.delete", item_id=name))
        assert told(commands) == expected
        assert [one.generation for one in of_type(SendFrame, commands)] == ([] if expected else [generation])


# Events of the client about them


@pytest.mark.parametrize("item_id", ["item_0", "item_1"])
def test_the_bridge_answers_a_cut_of_an_item_without_audio(item_id: str) -> None:
    session = sdk_session()
    play(session, FIRST, speech_item_added("item_1"), lost())
    reopened(session)
    cut = sent("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=700)
    commands = play(session, cut)
    assert told(commands) == [
        {"type": "conversation.item.truncated", "item_id": item_id, "content_index": 0, "audio_end_ms": 700}
    ]
    assert not of_type(SendFrame, commands)


def test_the_bridge_answers_the_deletion_of_an_item_that_is_gone() -> None:
    session = sdk_session()
    play(session, FIRST, speech_item_added("item_1"), lost())
    reopened(session)
    commands = play(session, sent("conversation.item.delete", item_id="item_1"))
    assert told(commands) == gone("item_1")
    assert not of_type(SendFrame, commands)


@pytest.mark.parametrize(
    ("event_type", "fields"),
    [
        ("conversation.item.delete", {"item_id": "item_0"}),
        ("conversation.item.retrieve", {"item_id": "item_1"}),
        ("conversation.item.truncate", {"item_id": "item_9"}),
        ("conversation.item.truncate", {"item_id": 7}),
        ("conversation.item.delete", {}),
        ("conversation.item.create", {"previous_item_id": "item_0", "item": {}}),
        ("conversation.item.create", {"item": {}}),
    ],
)
def test_the_service_answers_everything_else(event_type: str, fields: dict[str, Any]) -> None:
    session = sdk_session()
    play(session, FIRST, speech_item_added("item_1"), lost())
    reopened(session)
    event = sent(event_type, **fields)
    commands = play(session, event)
    assert [one.frame for one in of_type(SendFrame, commands)] == [event.frame]
    assert told(commands) == []


def test_an_item_behind_one_that_is_gone_comes_last() -> None:
    session = sdk_session()
    play(session, FIRST, speech_item_added("item_1"), lost())
    reopened(session)
    create = sent("conversation.item.create", event_id="e", previous_item_id="item_1", item={"id": "item_2"})
    [event] = of_type(SendEvent, play(session, create))
    assert event.event == {"type": "conversation.item.create", "event_id": "e", "item": {"id": "item_2"}}


def test_before_any_loss_nothing_is_answered_here() -> None:
    items = ClientItems()
    body = {"item_id": "item_1", "item": {"id": "item_1"}, "previous_item_id": "item_1"}
    assert not items.is_echo("conversation.item.added", body)
    assert items.answer("conversation.item.truncate", body) is None
    assert items.answer("conversation.item.delete", body) is None
    assert items.without_lost_anchor(body) is None


# What an SDK is not told


def test_an_sdk_is_not_told_that_the_service_refused_a_restored_item() -> None:
    session = sdk_session()
    play(session, FIRST, lost())
    [restore] = of_type(SendEvent, reopened(session))
    refused = upstream_error("invalid_value", 2, event_id=restore.event["event_id"])
    assert not messages(play(session, refused), "error")
    assert messages(play(session, upstream_error("invalid_value", 2, event_id="mine")), "error")


def test_an_sdk_is_not_told_of_a_frame_that_is_no_event() -> None:
    frame = upstream_error(UNREADABLE_FRAME)
    assert not messages(play(sdk_session(), frame), "error")
    assert messages(play(ready_session(), frame), "error")


def test_a_request_too_many_is_answered_as_the_service_would() -> None:
    session = sdk_session()
    play(session, response_created())
    requests = [sent("response.create", event_id=f"mine-{number}") for number in range(21)]
    [error] = messages(play(session, *requests), "error")
    upstream = error["detail"]["upstream"]
    assert (upstream["code"], upstream["event_id"]) == ("conversation_already_has_active_response", "mine-20")


def test_a_request_that_is_refused_and_not_repeated_is_answered() -> None:
    session = sdk_session()
    code = "conversation_already_has_active_response"
    assert not messages(play(session, upstream_error(code, event_id=None)), "error")
    assert messages(play(session, upstream_error(code, event_id="mine")), "error")
    play(session, sent("response.create", event_id="other"))
    assert not messages(play(session, upstream_error(code, event_id="other")), "error")


def test_a_refused_update_names_the_event_that_asked_for_it() -> None:
    session = sdk_session()
    for name in ("mine-1", "mine-2"):
        play(session, sent("session.update", event_id=name, session={"voice": "nobody"}))
    play(session, lost())
    play(session, Tick(), created(2), now=9.0)
    refused = Failure(code="UPSTREAM_ERROR", message="No such voice.", retryable=False)
    sent_errors = messages(play(session, lost(2, refused), now=9.0), "error")
    assert [one["detail"]["eventId"] for one in sent_errors] == ["mine-1", "mine-2"]


def test_a_session_of_an_sdk_starts_anew_after_it_failed() -> None:
    session = sdk_session()
    play(session, FIRST, speech_item_added("item_1"), lost())
    fatal = Failure(code="AUTHENTICATION_FAILED", message="No.", retryable=False)
    play(session, Tick(), created(2), lost(2, fatal), now=9.0)
    update = {"type": "session.updated", "session": {"audio": {"input": {"turn_detection": SERVER_VAD}}}}
    play(session, CreateSession(SESSION_OPTIONS, native=True), created(3), SessionConfigured(3, b"", update), now=10.0)
    commands = play(session, sent("conversation.item.delete", item_id="item_1"), now=10.0)
    assert of_type(SendFrame, commands)
