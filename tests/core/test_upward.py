from __future__ import annotations

from typing import Any

import pytest

from bridge.core.commands import SendFrame
from bridge.core.events import ClientNative, ClientText
from tests.core.scenes import began, errors, play, ready_session


@pytest.mark.parametrize("response", [None, 5, "x", [], {}, {"conversation": "auto"}], ids=str)
def test_a_request_of_any_shape_but_out_of_band_waits_its_turn(response: Any) -> None:
    session = ready_session()
    ask = ClientNative("response.create", b"ask", {"type": "response.create", "response": response})
    assert play(session, ask) == [SendFrame(1, b"ask")]
    assert play(session, ask) == []


def test_a_request_without_a_body_waits_its_turn() -> None:
    session = ready_session()
    play(session, began())
    assert play(session, ClientNative("response.create", b"ask")) == []


@pytest.mark.parametrize("kind", ["session.update", "transcription_session.update", "conversation.item.create"])
@pytest.mark.parametrize("body", [None, {}, {"session": 5, "item": 5}, {"session": [], "item": []}], ids=str)
def test_native_events_of_any_shape_go_up_as_they_are(kind: str, body: dict[str, Any] | None) -> None:
    session = ready_session()
    assert play(session, ClientNative(kind, b"frame", body)) == [SendFrame(1, b"frame")]


def test_a_text_goes_up_although_its_request_has_to_be_refused() -> None:
    session = ready_session()
    play(session, began(), *(ClientText("x") for _ in range(20)))
    commands = play(session, ClientText("one more"))
    assert len(commands) == 2
    assert errors(commands) == ["RATE_EXCEEDED"]
