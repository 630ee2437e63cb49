"""Interruptions in sessions that were built entry by entry: silent in time or not, by the client or by nobody."""

from __future__ import annotations

from typing import Any

import pytest

from probes.recording.capture import CaptureEntry
from tests.probes.conversation.session_builder import SESSION, ReportItems, SessionBuilder, audio_deltas

SPOKEN = {**SESSION, "output_modalities": ["audio"]}
CANCEL = {"type": "response.cancel"}


def interrupted(
    *, audio_after: int = 0, cancel: dict[str, Any] = CANCEL, created_at: float = 0.5, cancel_at: float = 2.0
) -> SessionBuilder:
    """A session whose first response is cancelled; so many deltas, 0.1 s apart, arrive all the same."""
    session = SessionBuilder(session=dict(SPOKEN)).ready().question()
    at = {"response_id": "resp_0", "item_id": "item_0", "output_index": 0, "content_index": 0}
    delta = {"type": "response.output_audio.delta", "delta": "[audio]", **at}

    def server(when: float, **event: Any) -> None:
        event.setdefault("event_id", f"event_{len(session.entries)}")
        session.add(CaptureEntry(at=when, who="server", event=event, audio_ms=100.0 * ("delta" in event)))

    item = {"id": "item_0", "type": "message", "role": "assistant", "content": [], "status": "in_progress"}
    server(created_at, type="response.created", response={"id": "resp_0", "status": "in_progress"})
    server(created_at, type="response.output_item.added", response_id="resp_0", output_index=0, item=item)
    server(created_at, type="conversation.item.added", item=item, previous_item_id=None)
    server(created_at, type="response.content_part.added", **at, part={"type": "audio"})
    server(cancel_at, **delta)
    session.add(CaptureEntry(at=cancel_at, who="client", event=cancel))
    for number in range(audio_after):
        server(cancel_at + (number + 1) / 10, **delta)
    end = cancel_at + audio_after / 10
    item = {**item, "status": "incomplete"}
    server(end, type="response.output_audio.done", **at)
    server(end, type="response.output_audio_transcript.done", **at, transcript="")
    server(end, type="response.content_part.done", **at, part={"type": "audio"})
    server(end, type="conversation.item.done", item=item, previous_item_id=None)
    server(end, type="response.output_item.done", response_id="resp_0", output_index=0, item=item)
    details = {"type": "cancelled", "reason": "client_cancelled"}
    server(end, type="response.done", response={"id": "resp_0", "status": "cancelled", "status_details": details})
    server(end, type="conversation.item.truncated", item_id="item_0", content_index=0, audio_end_ms=300)
    return session


def judged(session: SessionBuilder, script: str = "interrupt") -> ReportItems:
    return session.response("resp_1", audio_deltas()).judge(script)


@pytest.mark.parametrize("cancel", [CANCEL, {"type": "interrupt", "itemId": "item_0"}], ids=["service", "bridge"])
def test_a_response_that_is_silent_in_time_passes_with_how_long_it_took(cancel: dict[str, Any]) -> None:
    items = judged(interrupted(audio_after=3, cancel=cancel))
    assert items.bad_outcomes() == []
    assert items.row("interruption").seconds == pytest.approx(0.3)


def test_a_response_that_talks_on_is_a_warning() -> None:
    items = judged(interrupted(audio_after=4))
    assert items.bad_outcomes() == [("interruption", "EVENTS-SLOW-BARGE-IN", "warning")]
    assert items.row("interruption").evidence[0].value == "audio went on for 0.4 s after the interruption"


def test_a_response_that_had_all_arrived_passes() -> None:
    session = SessionBuilder(session=dict(SPOKEN)).ready().question().response("resp_0", audio_deltas())
    session.add(CaptureEntry(at=9, who="client", event=CANCEL))
    session.server("conversation.item.truncated", item_id="item_resp_0", content_index=0, audio_end_ms=300)
    row = judged(session).row("interruption")
    assert (row.code, row.title) == ("EVENTS-INTERRUPTION-OK", "the response had all arrived before the interruption")


def test_a_text_response_has_nothing_to_silence() -> None:
    session = SessionBuilder().ready().question().response("resp_0")
    session.server("conversation.item.truncated", item_id="item_resp_0", content_index=0, audio_end_ms=0)
    assert session.judge("interrupt").row("interruption").code == "EVENTS-INTERRUPTION-SKIPPED"


def test_speech_that_nobody_sent_is_a_failure() -> None:
    session = interrupted().server("input_audio_buffer.speech_started", item_id="item_x", audio_start_ms=0)
    found = judged(session).row("interruption")
    assert (found.code, found.severity.value) == ("EVENTS-PHANTOM-SPEECH", "fail")
    assert found.evidence[0].value.startswith("speech_started 1 times, the first")


@pytest.mark.parametrize(("ends_at", "told"), [(0.79, True), (0.81, False)])
def test_a_later_response_that_is_cancelled_at_once_interrupted_itself(*, ends_at: float, told: bool) -> None:
    session = interrupted(created_at=0.5, cancel_at=ends_at)
    items = judged(session, "page")
    assert [code for _, code, _ in items.bad_outcomes()] == (["EVENTS-SELF-INTERRUPTED"] if told else [])


def test_the_response_that_the_script_interrupts_may_be_short() -> None:
    assert judged(interrupted(created_at=0.5, cancel_at=0.6)).bad_outcomes() == []


def test_what_turn_detection_cancels_is_judged_in_a_persons_conversation() -> None:
    details = {"type": "cancelled", "reason": "turn_detected"}
    session = SessionBuilder(session=dict(SPOKEN)).ready().question()
    session.response("resp_0", audio_deltas(), status="cancelled", status_details=details)
    assert session.judge("page").row("interruption").code == "EVENTS-INTERRUPTION-SKIPPED"


def test_a_conversation_without_interruptions_has_no_such_row() -> None:
    session = SessionBuilder(session=dict(SPOKEN)).ready().question().response("resp_0", audio_deltas())
    for script in ("text", "page"):
        assert "interruption" not in [check for check, _, _ in session.judge(script).outcomes()]
