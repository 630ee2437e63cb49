from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.commands import Forward, SendEvent
from bridge.core.events import Interrupt, UpstreamEvent, UpstreamLost
from bridge.core.responses import OUTPUT_EVENTS
from bridge.core.states import State
from bridge.core.to_client import PARSED_EVENTS
from tests.core.builders import (
    CANCEL,
    UNAVAILABLE,
    audio_delta,
    configured_with_vad,
    created,
    native,
    of_type,
    play,
    ready_session,
    reconnect,
    response_created,
    text_item_done,
    upstream_error,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = ["response", "item", "session", "response_id", "item_id", "transcript", "audio_start_ms", "audio_end_ms"]
INNER = ["id", "type", "status", "conversation_id", "status_details", "error", "content", "audio", "turn_detection"]
BODIES = st.dictionaries(
    st.sampled_from(NAMES), JSON | st.dictionaries(st.sampled_from(INNER), JSON, max_size=4), max_size=4
)


@given(st.lists(st.tuples(st.sampled_from(sorted(PARSED_EVENTS)), BODIES), max_size=12))
def test_whatever_an_upstream_writes_is_forwarded_and_raises_nothing(events: list[tuple[str, dict[str, Any]]]) -> None:
    session = ready_session()
    for kind, body in events:
        assert play(session, native(kind, **body))[0] == Forward(kind, kind.encode())
    play(session, UpstreamLost(1, UNAVAILABLE, "gone"), now=1.0)
    play(session, audio_delta(1), now=9.0)
    play(session, created(2), configured_with_vad(2), now=9.0)
    assert session.statistics().state is State.READY


@pytest.mark.parametrize("kind", sorted(PARSED_EVENTS))
def test_an_event_without_a_parsed_body_is_forwarded_all_the_same(kind: str) -> None:
    assert of_type(Forward, play(ready_session(), UpstreamEvent(1, kind, b"frame"))) == [Forward(kind, b"frame")]


@pytest.mark.parametrize("kind", sorted(OUTPUT_EVENTS | {"rate_limits.updated", "something.new"}))
def test_events_are_forwarded_untouched_whatever_they_are(kind: str) -> None:
    assert play(ready_session(), UpstreamEvent(1, kind, b"\x00\xff")) == [Forward(kind, b"\x00\xff")]


@given(st.dictionaries(st.sampled_from(["code", "param", "event_id", "type"]), JSON, max_size=4), st.booleans())
def test_an_error_of_any_shape_raises_nothing(upstream: dict[str, Any], harmless: bool) -> None:
    event = upstream_error("x", harmless=harmless)
    session = ready_session()
    play(session, type(event)(1, event.failure, upstream, harmless))
    assert session.statistics().state is State.READY


def test_output_of_a_response_is_never_parsed() -> None:
    assert not OUTPUT_EVENTS & PARSED_EVENTS


def test_a_spoken_item_without_words_is_not_restored() -> None:
    session = ready_session()
    play(session, native("response.output_item.done", item={"id": "i1", "type": "message", "role": "assistant"}))
    assert of_type(SendEvent, reconnect(session)) == []


def test_an_output_item_that_is_finished_after_its_response_is_restored_all_the_same() -> None:
    session = ready_session()
    part = {"type": "output_text", "text": "Hello."}
    item = {"id": "i1", "type": "message", "role": "assistant", "content": [part]}
    play(session, native("response.output_item.done", item=item))
    restored = [one.event["item"]["content"] for one in of_type(SendEvent, reconnect(session))]
    assert restored == [[part]]


def test_an_output_item_of_another_response_is_not_the_one_that_an_interruption_truncates() -> None:
    session = ready_session()
    item = {"id": "i1", "type": "message"}
    play(session, response_created(), native("response.output_item.added", response_id="out_of_band", item=item))
    assert of_type(SendEvent, play(session, Interrupt(None, 900))) == [SendEvent(1, CANCEL)]


def test_of_a_response_that_is_lost_in_the_middle_the_finished_items_are_restored() -> None:
    session = ready_session()
    play(session, response_created())
    for name in ("i1", "i2"):
        part = {"type": "output_text", "text": name}
        item = {"id": name, "type": "message", "role": "assistant", "content": [part]}
        play(session, native("response.output_item.added", response_id="resp_1", item={**item, "content": []}))
        play(session, native("conversation.item.added", item=item))
        if name == "i1":
            play(session, native("response.output_item.done", item=item))
    restored = [one.event["item"]["id"] for one in of_type(SendEvent, reconnect(session)) if "item" in one.event]
    assert restored == ["i1"]


def test_an_item_that_was_deleted_is_not_restored() -> None:
    session = ready_session()
    play(session, text_item_done("i1", "one"), text_item_done("i2", "two"))
    play(session, native("conversation.item.deleted", item_id="i1"))
    restored = [one.event["item"]["id"] for one in of_type(SendEvent, reconnect(session))]
    assert restored == ["i2"]
