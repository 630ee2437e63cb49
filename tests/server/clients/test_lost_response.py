"""A lost response ends as the service itself would end it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bridge.core.open_responses import OpenItem, OpenPart, OpenResponse
from bridge.protocol.dialects.detection import Dialect
from bridge.protocol.ordering.checker import OrderChecker
from bridge.server.clients.lost_response import closing_events
from tests.core.builders import lost, play, ready_session
from tests.core.test_open_responses import CALL, CALLING, MESSAGE, PART, PLACE, SPOKEN, ended, event

if TYPE_CHECKING:
    from bridge.core.events import UpstreamEvent


def types(events: list[dict[str, Any]]) -> list[str]:
    return [one["type"] for one in events]


def lost_after(*events: UpstreamEvent) -> OpenResponse:
    [response] = ended(play(ready_session(), *events, lost()))
    return response


def test_a_spoken_answer_ends_from_the_inside_out() -> None:
    events = closing_events(lost_after(*SPOKEN), beta=False)
    assert types(events) == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    content = [{"type": "output_audio", "transcript": "Hello"}]
    final = {**MESSAGE, "status": "incomplete", "content": content}
    assert events[1].items() >= {**PART, "transcript": "Hello"}.items()
    assert events[2]["part"] == {"type": "audio", "transcript": "Hello"}
    assert (events[3]["item"], events[3]["previous_item_id"]) == (final, "item_0")
    assert events[4].items() >= {"response_id": "resp_1", "output_index": 0, "item": final}.items()
    response = events[5]["response"]
    assert (response["id"], response["status"], response["output"]) == ("resp_1", "failed", [final])
    assert response["status_details"]["error"]["type"] == "server_error"
    assert response["usage"]["total_tokens"] == 0


def test_a_response_that_said_nothing_only_ends() -> None:
    [done] = closing_events(OpenResponse({"id": "resp_1", "metadata": {"a": "b"}}), beta=False)
    assert (done["response"]["metadata"], done["response"]["output"]) == ({"a": "b"}, [])


def test_what_ended_does_not_end_again() -> None:
    item = OpenItem(MESSAGE, {0: OpenPart("text", "Hi", text_done=True, done=True)}, done=True)
    events = closing_events(OpenResponse({"id": "resp_1"}, {0: item}), beta=False)
    assert types(events) == ["response.done"]
    assert events[0]["response"]["output"] == [MESSAGE]
    item.done, item.in_conversation, item.conversation_done = False, True, True
    events = closing_events(OpenResponse({"id": "resp_1"}, {0: item}), beta=False)
    assert types(events) == ["response.output_item.done", "response.done"]
    item.parts[0].done = False
    events = closing_events(OpenResponse({"id": "resp_1"}, {0: item}), beta=False)
    assert types(events)[0] == "response.content_part.done"


def test_half_a_call_is_never_shown_as_one_to_run() -> None:
    events = closing_events(lost_after(*CALLING), beta=False)
    assert types(events) == ["response.done"]
    assert events[0]["response"]["output"] == []


def test_a_whole_call_is_completed() -> None:
    whole = event("response.function_call_arguments.done", **PLACE, arguments='{"a":1}')
    events = closing_events(lost_after(*CALLING, whole), beta=False)
    assert types(events) == ["response.output_item.done", "response.done"]
    assert events[0]["item"] == {**CALL, "status": "completed", "arguments": '{"a":1}'}


@pytest.mark.parametrize("length", range(1, len(SPOKEN) + 1))
def test_wherever_an_answer_is_cut_its_end_is_in_order(length: int) -> None:
    checker = OrderChecker(Dialect.GA)
    checker.feed({"type": "session.created", "event_id": "event_1", "session": {"type": "realtime"}})
    user = {"id": "item_0", "type": "message", "role": "user", "content": []}
    for kind in ("added", "done"):
        checker.feed({"type": f"conversation.item.{kind}", "event_id": f"event_{kind}", "item": user})
    for one in SPOKEN[:length]:
        checker.feed(one.body or {})
    for closing in closing_events(lost_after(*SPOKEN[:length]), beta=False):
        assert not checker.feed({**closing, "event_id": f"event_{closing['type']}"})
    assert not checker.finish()


def test_the_beta_dialect_has_its_own_names() -> None:
    parts = {0: OpenPart("audio", "Hi"), 1: OpenPart("text", "Hi")}
    events = closing_events(OpenResponse({"id": "resp_1"}, {0: OpenItem(MESSAGE, parts)}), beta=True)
    assert types(events)[:2] == ["response.audio.done", "response.audio_transcript.done"]
    assert types(events)[3] == "response.text.done"
    kinds = [one["type"] for one in events[-1]["response"]["output"][0]["content"]]
    assert kinds == ["audio", "text"]
