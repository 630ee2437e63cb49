"""Sessions that no scenario of the simulator produces: built entry by entry, each with one fault."""

from __future__ import annotations

import pytest

from probes.recording.capture import CaptureEntry, FinishedEnding, SilentEnding
from reports.model import Severity
from tests.probes.conversation.session_builder import SESSION, SessionBuilder, audio_deltas

SPOKEN = {**SESSION, "output_modalities": ["audio"]}
TRANSCRIBED = {**SPOKEN, "audio": {"input": {"transcription": {"model": "m"}}}}


def text_session(**session: object) -> SessionBuilder:
    return SessionBuilder(session={**SESSION, **session}).ready().question()


def audio_session(deltas: list[CaptureEntry]) -> SessionBuilder:
    return SessionBuilder(session=dict(SPOKEN)).ready().question().response(deltas=deltas)


def test_an_incomplete_response_is_reported_with_its_reason() -> None:
    details = {"type": "incomplete", "reason": "max_output_tokens"}
    items = text_session().response(status="incomplete", status_details=details).judge()
    assert items.bad_outcomes() == [("answer", "EVENTS-ANSWER-INCOMPLETE", "fail")]
    assert [e.value for e in items.row("answer").evidence] == ["response.done incomplete", "max_output_tokens"]


def test_a_response_cancelled_by_another_party_is_a_failure() -> None:
    details = {"type": "cancelled", "reason": "client_cancelled"}
    items = text_session().response(status="cancelled", status_details=details).judge()
    assert items.bad_outcomes() == [("answer", "EVENTS-ANSWER-CANCELLED", "fail")]


def test_a_response_that_the_users_speech_interrupted_is_no_failure() -> None:
    details = {"type": "cancelled", "reason": "turn_detected"}
    session = text_session().response("resp_0", status="cancelled", status_details=details).response()
    assert session.judge().bad_outcomes() == []


def test_only_the_first_response_of_an_interruption_may_be_cancelled() -> None:
    details = {"type": "cancelled", "reason": "client_cancelled"}
    session = text_session(output_modalities=["audio"]).response(
        "resp_0", audio_deltas(), status="cancelled", status_details=details
    )
    session.server("conversation.item.truncated", item_id="item_resp_0", content_index=0, audio_end_ms=300)
    whole = SessionBuilder(entries=[*session.entries]).response("resp_1", audio_deltas())
    assert whole.judge("interrupt").bad_outcomes() == []
    again = SessionBuilder(entries=[*session.entries]).response(
        "resp_1", audio_deltas(), status="cancelled", status_details=details
    )
    assert again.judge("interrupt").bad_outcomes() == [("answer", "EVENTS-ANSWER-CANCELLED", "fail")]


def test_a_failure_without_an_error_event_says_that_there_was_none() -> None:
    error = {"type": "server_error", "code": None, "message": "The server had an error."}
    items = text_session().response(status="failed", status_details={"type": "failed", "error": error}).judge()
    assert items.bad_outcomes() == [("answer", "EVENTS-SERVER-ERROR", "fail")]
    evidence = [e.value for e in items.row("answer").evidence]
    assert evidence[0] == "response.done failed, server_error"
    assert any("only response.done says" in value for value in evidence)


def test_a_response_without_content_is_empty() -> None:
    session = text_session().server("response.created", response={"id": "resp_1", "status": "in_progress"})
    session.server("response.done", response={"id": "resp_1", "status": "completed"})
    session.server("rate_limits.updated", rate_limits=[])
    assert session.judge().bad_outcomes() == [("answer", "EVENTS-ANSWER-EMPTY", "fail")]


def test_a_spoken_response_without_audio_is_reported_before_missing_events() -> None:
    assert audio_session(audio_deltas(0)).judge().bad_outcomes() == [("audio", "EVENTS-NO-AUDIO", "fail")]


def test_silent_audio_is_a_failure() -> None:
    assert audio_session(audio_deltas(silent=True)).judge().bad_outcomes() == [("audio", "EVENTS-SILENT-AUDIO", "fail")]


@pytest.mark.parametrize(("ms", "severity"), [(100.0, None), (90.0, None), (40.0, Severity.WARNING)])
def test_audio_that_arrives_too_slowly_has_gaps(ms: float, severity: Severity | None) -> None:
    """Deltas come every 100 ms: with 40 ms in each there are many short gaps, and no long one."""
    session = audio_session(audio_deltas(10, ms=ms))
    if severity:
        last = session.entries.pop(-8)
        assert last.type == "response.output_audio.delta"
        session.entries.insert(-7, CaptureEntry(at=last.at + 0.45, who="server", event=last.event, audio_ms=ms))
    assert [f.severity for f in session.judge().findings if f.code == "EVENTS-AUDIO-STALLS"] == (
        [severity] if severity else []
    )


def test_a_failed_transcription_is_reported_with_its_error() -> None:
    session = SessionBuilder(session=dict(TRANSCRIBED)).ready()
    add_speech(session, "failed", error={"type": "transcription_error", "code": "audio_unintelligible", "message": "m"})
    session.response(deltas=audio_deltas())
    assert session.judge("manual").bad_outcomes() == [("transcript", "EVENTS-AUDIO-UNINTELLIGIBLE", "fail")]


def add_speech(session: SessionBuilder, ending: str = "completed", **fields: object) -> SessionBuilder:
    user = {"id": "item_u", "type": "message", "role": "user", "status": "completed", "content": []}
    session.server("input_audio_buffer.committed", item_id="item_u", previous_item_id=None)
    session.server("conversation.item.added", item=user, previous_item_id=None)
    session.server("conversation.item.done", item=user, previous_item_id=None).turn_ended()
    if ending:
        name = f"conversation.item.input_audio_transcription.{ending}"
        fields = fields or {"transcript": "xxxx", "usage": {}}
        session.server(name, item_id="item_u", content_index=0, **fields)
    return session


def test_a_missing_transcript_is_a_failure_if_the_session_transcribes() -> None:
    session = add_speech(SessionBuilder(session=dict(TRANSCRIBED)).ready(), "").response(deltas=audio_deltas())
    items = session.judge("manual", ending=SilentEnding(at=20, owed="transcript", seconds=10))
    assert items.bad_outcomes() == [("transcript", "EVENTS-NO-TRANSCRIPT", "fail")]


def test_a_missing_transcript_is_skipped_if_the_session_does_not_transcribe() -> None:
    items = add_speech(SessionBuilder(session=dict(SPOKEN)).ready(), "").response(deltas=audio_deltas()).judge("manual")
    assert items.bad_outcomes() == []
    assert items.row("transcript").severity is Severity.SKIPPED


def test_a_missing_event_is_reported_with_those_received() -> None:
    items = (
        text_session(output_modalities=["audio"]).response("resp_0", audio_deltas()).response("resp_1", audio_deltas())
    )
    found = items.judge("interrupt")
    assert found.bad_outcomes() == [("events", "EVENTS-MISSING", "fail")]
    evidence = {item.label: item.value for item in found.row("events").evidence}
    assert evidence[""] == "missing: conversation.item.truncated"
    assert "response.done x2" in evidence["received"]


def test_events_missing_on_a_beta_server_have_their_beta_names() -> None:
    session = {"id": "sess_1", "modalities": ["text"], "voice": "alloy"}
    items = SessionBuilder(session=session).ready().judge(ending=FinishedEnding(at=1), dialect="beta")
    (row,) = [f for f in items.findings if f.check == "events"]
    assert "conversation.item.created" in row.evidence[0].value
    assert "conversation.item.done" not in row.evidence[0].value


def test_one_error_is_reported_under_its_own_code() -> None:
    session = text_session().server(
        "error", error={"type": "invalid_request_error", "code": "invalid_value", "message": "m"}
    )
    items = session.response().judge()
    assert items.bad_outcomes() == [("events", "EVENTS-INVALID-VALUE", "fail")]


def test_many_errors_are_a_flood_counted_by_code() -> None:
    session = text_session()
    for _ in range(12):
        session.server("error", error={"type": "invalid_request_error", "code": "invalid_value", "message": "m"})
    items = session.response().judge()
    assert items.bad_outcomes() == [("events", "EVENTS-ERROR-STORM", "fail")]
    assert items.row("events").evidence[0].value == "12 errors: invalid_value x12"


def test_suppressed_errors_of_a_bridge_count_as_a_flood() -> None:
    session = text_session().bridge("error", code="UPSTREAM_ERROR", message="m", suppressed=40)
    assert session.response().judge().bad_outcomes() == [("events", "EVENTS-ERROR-STORM", "fail")]


def test_an_error_about_crossed_messages_is_noted() -> None:
    error = {"type": "invalid_request_error", "code": "response_cancel_not_active", "message": "m"}
    items = text_session().response().server("error", error=error).judge()
    assert items.bad_outcomes() == [("events", "EVENTS-HARMLESS-ERRORS", "info")]


def test_a_bridges_error_about_a_failed_response_is_no_second_cause() -> None:
    session = text_session().bridge("error", code="UPSTREAM_ERROR", message="m", detail={"responseId": "resp_1"})
    error = {"type": "server_error", "code": None, "message": "m"}
    session.response(status="failed", status_details={"type": "failed", "error": error})
    assert session.judge().bad_outcomes() == [("answer", "EVENTS-SERVER-ERROR", "fail")]


def test_text_that_differs_from_its_deltas_is_reported_without_the_text() -> None:
    session = text_session().response()
    place = next(n for n, entry in enumerate(session.entries) if entry.type == "response.output_text.done")
    entry = session.entries[place]
    session.entries[place] = CaptureEntry(at=entry.at, who="server", event=entry.event, differs=True)
    items = session.judge()
    assert items.bad_outcomes() == [("order", "EVENTS-OUT-OF-ORDER", "fail")]
    assert items.row("order").evidence[0].value == "the final text differs from its deltas"


def test_an_item_left_open_at_the_end_violates_the_order() -> None:
    user = {"id": "item_u", "type": "message", "role": "user", "content": []}
    session = (
        text_session()
        .response()
        .server("conversation.item.added", item={**user, "id": "item_x"}, previous_item_id=None)
    )
    items = session.judge()
    assert items.bad_outcomes() == [("order", "EVENTS-OUT-OF-ORDER", "fail")]
    assert ("first", "at the end") in [(e.label, e.value) for e in items.row("order").evidence]


def test_events_that_a_server_never_sends_are_named_with_the_item_that_they_were_for() -> None:
    # As recorded from aimock 1.43, which sends one of the two events for each item.
    session = text_session().response()
    session.entries = [
        entry
        for entry in session.entries
        if (entry.type, entry.event.get("item", {}).get("role"))
        not in (("conversation.item.done", "user"), ("conversation.item.added", "assistant"))
    ]
    items = session.judge()
    assert items.bad_outcomes() == [("order", "EVENTS-OUT-OF-ORDER", "fail")]
    first, also, *_ = items.row("order").evidence
    assert first.value == (
        "conversation.item.done came for the assistant's item item_resp_1 without conversation.item.added"
    )
    assert also.value == "conversation.item.done never came for the user's item item_u, which was added"
    assert "must not wait for the events" in items.row("order").fix


def test_an_unconfirmed_event_is_reported() -> None:
    items = text_session().response().judge("long", via="native", ending=SilentEnding(at=30, owed="event", seconds=10))
    assert items.bad_outcomes() == [("answer", "EVENTS-UNANSWERED", "fail")]
