"""What is open towards the client when a session is lost, and that it is ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bridge.core.commands import CloseClient, EndResponse, SendEvent, SendFrame
from bridge.core.events import (
    AttemptFailed,
    ClientGone,
    ClientLimitExceeded,
    ClientNative,
    Drain,
    EndSession,
    Event,
    RestartSession,
    Tick,
    UpstreamEvent,
)
from bridge.core.open_responses import KEPT_EVENTS, MAX_KEPT_BYTES, OpenPart, OpenResponse, OpenResponses
from tests.core.builders import (
    EXPIRED,
    REFUSED_KEY,
    configured_with_vad,
    created,
    lost,
    messages,
    of_type,
    play,
    ready_session,
    reconnect,
    response_created,
    response_done,
)

if TYPE_CHECKING:
    from bridge.core.commands import Command

PLACE = {"response_id": "resp_1", "output_index": 0, "item_id": "item_1"}
PART = {**PLACE, "content_index": 0}
MESSAGE = {"id": "item_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
CALL = {"id": "item_1", "type": "function_call", "call_id": "call_1", "name": "f", "arguments": ""}


def event(event_type: str, **fields: Any) -> UpstreamEvent:
    """An event with a frame that can be read, parsed as the decoder parses it."""
    body = {"type": event_type, **fields}
    return UpstreamEvent(1, event_type, json.dumps(body).encode(), body)


def ended(commands: list[Command]) -> list[OpenResponse]:
    return [one.response for one in of_type(EndResponse, commands)]


SPOKEN = [
    event("response.created", response={"id": "resp_1", "status": "in_progress"}),
    event("response.output_item.added", **PLACE, item=MESSAGE),
    event("conversation.item.added", previous_item_id="item_0", item=MESSAGE),
    event("response.content_part.added", **PART, part={"type": "audio", "transcript": ""}),
    event("response.output_audio_transcript.delta", **PART, delta="Hel"),
    event("response.output_audio.delta", **PART, delta="AAAA"),
    event("response.output_audio_transcript.delta", **PART, delta="lo"),
]
CALLING = [
    event("response.created", response={"id": "resp_1"}),
    event("response.output_item.added", **PLACE, item=CALL),
    event("response.function_call_arguments.delta", **PLACE, delta='{"a"'),
]


def test_a_lost_answer_ends_with_everything_that_the_client_saw_of_it() -> None:
    session = ready_session()
    commands = play(session, *SPOKEN, lost())
    [response] = ended(commands)
    assert response.response == {"id": "resp_1", "status": "in_progress"}
    [item] = response.items.values()
    assert (item.item, item.in_conversation, item.previous_item_id) == (MESSAGE, True, "item_0")
    assert item.parts == {0: OpenPart("audio", "Hello")}
    assert (item.done, item.conversation_done) == (False, False)
    assert commands.index(EndResponse(response, "ga")) < commands.index(messages_at(commands, "reconnecting"))


def messages_at(commands: list[Command], message_type: str) -> Command:
    return next(one for one in commands if getattr(one, "message", {}).get("type") == message_type)


def test_what_was_done_is_remembered_as_done() -> None:
    part = {"type": "audio", "transcript": "Hello."}
    final = {**MESSAGE, "status": "completed"}
    session = ready_session()
    [response] = ended(
        play(
            session,
            *SPOKEN,
            event("response.output_audio.done", **PART),
            event("response.output_audio_transcript.done", **PART, transcript="Hello."),
            event("response.content_part.done", **PART, part=part),
            event("conversation.item.done", item=final),
            event("response.output_item.done", **PLACE, item=final),
            lost(),
        )
    )
    [item] = response.items.values()
    assert (item.item, item.done, item.conversation_done) == (final, True, True)
    assert item.parts == {0: OpenPart("audio", "Hello.", text_done=True, audio_done=True, done=True)}


def test_half_a_call_is_no_answer_and_is_requested_again() -> None:
    session = ready_session()
    request = ClientNative("response.create", b'{"type":"response.create"}', {"type": "response.create"})
    play(session, request, *CALLING)
    assert SendFrame(2, request.frame) in reconnect(session)


def test_a_whole_call_is_not_requested_again() -> None:
    session = ready_session()
    request = ClientNative("response.create", b'{"type":"response.create"}', {"type": "response.create"})
    play(session, request, *CALLING, event("response.function_call_arguments.done", **PLACE, arguments='{"a": 1}'))
    commands = reconnect(session)
    assert not of_type(SendFrame, commands)
    assert [one.event["item"]["call_id"] for one in of_type(SendEvent, commands)] == ["call_1"]


@pytest.mark.parametrize("beta", [False, True])
def test_a_written_answer_is_read_in_either_dialect(beta: bool) -> None:
    name = "response.text" if beta else "response.output_text"
    part = event("response.content_part.added", **PART, part={"type": "text" if beta else "output_text", "text": ""})
    session = ready_session()
    [response] = ended(play(session, *SPOKEN[:2], part, event(f"{name}.delta", **PART, delta="Hi"), lost()))
    assert response.items[0].parts == {0: OpenPart("text", "Hi")}


def test_an_answer_that_ended_is_not_ended_again() -> None:
    session = ready_session()
    assert not ended(play(session, *SPOKEN, response_done(), lost()))


def test_a_response_that_said_nothing_ends_and_its_request_is_repeated() -> None:
    session = ready_session()
    play(session, response_created())
    commands = play(session, lost(), now=1.0)
    assert [one.response["id"] for one in ended(commands)] == ["resp_1"]
    play(session, Tick(), created(2), now=9.0)
    assert SendEvent(2, {"type": "response.create"}) in play(session, configured_with_vad(2), now=9.0)


def test_responses_out_of_band_end_too() -> None:
    session = ready_session()
    play(session, response_created(), response_created("resp_2", conversation_id=None))
    assert [one.response["id"] for one in ended(play(session, lost()))] == ["resp_1", "resp_2"]


@pytest.mark.parametrize(
    "end",
    [
        lost(failure=REFUSED_KEY),
        RestartSession(),
        EndSession(),
        Drain(0),
        ClientLimitExceeded("RATE_EXCEEDED", "Too fast.", 1008),
    ],
    ids=lambda end: type(end).__name__,
)
def test_it_ends_however_the_session_ends(end: Event) -> None:
    session = ready_session()
    commands = play(session, *SPOKEN, end)
    assert len(ended(commands)) == 1
    closes = of_type(CloseClient, commands)
    assert not closes or commands[-1] == closes[0]
    assert not ended(play(session, Tick(), now=99.0))


def test_it_ends_when_the_session_expires_without_rollover() -> None:
    session = ready_session(rollover=False)
    commands = play(session, *SPOKEN, lost(failure=EXPIRED))
    [end] = of_type(EndResponse, commands)
    assert commands.index(end) < commands.index(messages_at(commands, "session_closed"))


def test_nothing_is_ended_for_a_client_that_is_gone() -> None:
    session = ready_session()
    assert not ended(play(session, *SPOKEN, ClientGone()))


def test_a_response_of_a_session_that_never_gets_ready_ends_too() -> None:
    session = ready_session()
    play(session, lost(), now=1.0)
    play(session, Tick(), created(2), response_created("resp_2", 2), now=9.0)
    assert len(ended(play(session, AttemptFailed(2, REFUSED_KEY), now=9.0))) == 1


def test_a_call_whose_arguments_are_whole_is_restored_for_its_result() -> None:
    session = ready_session()
    whole = event("response.function_call_arguments.done", **PLACE, arguments='{"a":1}')
    play(session, *CALLING, whole)
    restored = [one.event["item"] for one in of_type(SendEvent, reconnect(session)) if "item" in one.event]
    assert [(one["type"], one["call_id"], one["arguments"]) for one in restored] == [
        ("function_call", "call_1", '{"a":1}')
    ]


def test_half_a_call_is_not_restored() -> None:
    session = ready_session()
    play(session, *CALLING)
    commands = reconnect(session)
    assert not [one for one in of_type(SendEvent, commands) if "item" in one.event]
    assert messages(commands, "reconnected")[0]["lost"] == []


def test_a_call_out_of_band_is_not_restored() -> None:
    session = ready_session()
    whole = event("response.function_call_arguments.done", **PLACE, arguments="{}")
    play(session, event("response.created", response={"id": "resp_1", "conversation_id": None}), CALLING[1], whole)
    assert not [one for one in of_type(SendEvent, reconnect(session)) if "item" in one.event]


def test_a_text_past_the_bound_is_remembered_up_to_there() -> None:
    responses = OpenResponses()
    responses.created({"id": "resp_1"})
    for one in SPOKEN[1:4]:
        responses.record(one.type, one.frame)
    delta = event("response.output_audio_transcript.delta", **PART, delta="x" * 1000)
    for _ in range(300):
        responses.record(delta.type, delta.frame)
    [response] = responses.take()
    text = response.items[0].parts[0].text
    assert set(text) == {"x"}
    assert MAX_KEPT_BYTES * 0.7 < len(text) < MAX_KEPT_BYTES


def test_past_twice_the_bound_only_the_response_is_remembered() -> None:
    responses = OpenResponses()
    responses.created({"id": "resp_1"})
    frame = SPOKEN[1].frame
    for _ in range(4 * MAX_KEPT_BYTES // len(frame)):
        responses.record("response.output_item.added", frame)
    assert responses._size <= 2 * MAX_KEPT_BYTES + len(frame)
    assert responses.take() == [OpenResponse({"id": "resp_1"})]
    assert not responses


def test_the_bound_is_for_each_answer() -> None:
    responses = OpenResponses()
    for _ in range(3):
        responses.created({"id": "resp_1"})
        responses.record(SPOKEN[1].type, SPOKEN[1].frame.ljust(MAX_KEPT_BYTES))
        responses.record(SPOKEN[3].type, SPOKEN[3].frame)
        responses.record(SPOKEN[4].type, SPOKEN[4].frame)
        responses.done("resp_1")
    responses.created({"id": "resp_1"})
    responses.record(SPOKEN[1].type, SPOKEN[1].frame)
    assert responses.take()[0].items[0].item == MESSAGE


@pytest.mark.parametrize("frame", [b"{", b"[1]", b'{"response_id":[],"output_index":"x"}', b"{}"])
def test_frames_that_say_nothing_are_passed_over(frame: bytes) -> None:
    responses = OpenResponses()
    responses.created({"id": "resp_1"})
    for kind in ("response.output_item.added", "response.content_part.done", "conversation.item.done"):
        responses.record(kind, frame)
    assert responses.take() == [OpenResponse({"id": "resp_1"})]


@pytest.mark.parametrize("event_type", sorted(KEPT_EVENTS - {"response.output_item.added"}))
def test_an_event_about_an_item_that_nobody_announced_changes_nothing(event_type: str) -> None:
    responses = OpenResponses()
    responses.created({"id": "resp_1", "status": "in_progress"})
    unknown = {
        **PART,
        "item_id": "item_9",
        "output_index": 9,
        "part": {"type": "output_text"},
        "delta": "x",
        "item": {},
    }
    responses.record(event_type, json.dumps({"type": event_type, **unknown}).encode())
    [one] = responses.take()
    assert not one.items
