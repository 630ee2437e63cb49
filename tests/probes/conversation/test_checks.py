"""What no scenario of the simulator does: sessions made up entry by entry, each with one fault."""

from __future__ import annotations

import pytest

from probes.recording.capture import CaptureEntry, FinishedEnding, SilentEnding
from reports.model import Severity
from tests.probes.conversation.session_builder import SESSION, SessionBuilder, audio_deltas

SPOKEN = {**SESSION, "output_modalities": ["audio"]}
WRITTEN_DOWN = {**SPOKEN, "audio": {"input": {"transcription": {"model": "m"}}}}


def asked(**session: object) -> SessionBuilder:
    return SessionBuilder(session={**SESSION, **session}).ready().question()


def spoken(deltas: list[CaptureEntry]) -> SessionBuilder:
    return SessionBuilder(session=dict(SPOKEN)).ready().question().response(deltas=deltas)


def test_an_answer_that_was_cut_short_says_by_what() -> None:
    details = {"type": "incomplete", "reason": "max_output_tokens"}
    heard = asked().response(status="incomplete", status_details=details).judge()
    assert heard.bad_outcomes() == [("answer", "EVENTS-ANSWER-INCOMPLETE", "fail")]
    assert [e.value for e in heard.row("answer").evidence] == ["response.done incomplete", "max_output_tokens"]


def test_an_answer_that_somebody_else_cancelled_is_a_fault() -> None:
    details = {"type": "cancelled", "reason": "client_cancelled"}
    heard = asked().response(status="cancelled", status_details=details).judge()
    assert heard.bad_outcomes() == [("answer", "EVENTS-ANSWER-CANCELLED", "fail")]


def test_an_answer_that_the_users_own_speech_ended_is_none() -> None:
    details = {"type": "cancelled", "reason": "turn_detected"}
    made = asked().response("resp_0", status="cancelled", status_details=details).response()
    assert made.judge().bad_outcomes() == []


def test_the_first_answer_of_an_interruption_may_be_cancelled_and_no_other() -> None:
    details = {"type": "cancelled", "reason": "client_cancelled"}
    made = asked(output_modalities=["audio"]).response(
        "resp_0", audio_deltas(), status="cancelled", status_details=details
    )
    made.server("conversation.item.truncated", item_id="item_resp_0", content_index=0, audio_end_ms=300)
    whole = SessionBuilder(entries=[*made.entries]).response("resp_1", audio_deltas())
    assert whole.judge("interrupt").bad_outcomes() == []
    again = SessionBuilder(entries=[*made.entries]).response(
        "resp_1", audio_deltas(), status="cancelled", status_details=details
    )
    assert again.judge("interrupt").bad_outcomes() == [("answer", "EVENTS-ANSWER-CANCELLED", "fail")]


def test_a_failure_without_an_error_event_says_that_there_was_none() -> None:
    error = {"type": "server_error", "code": None, "message": "The server had an error."}
    heard = asked().response(status="failed", status_details={"type": "failed", "error": error}).judge()
    assert heard.bad_outcomes() == [("answer", "EVENTS-SERVER-ERROR", "fail")]
    told = [e.value for e in heard.row("answer").evidence]
    assert told[0] == "response.done failed, server_error"
    assert any("only response.done tells" in value for value in told)


def test_an_answer_without_a_word_is_empty() -> None:
    made = asked().server("response.created", response={"id": "resp_1", "status": "in_progress"})
    made.server("response.done", response={"id": "resp_1", "status": "completed"})
    assert made.judge().bad_outcomes() == [("answer", "EVENTS-ANSWER-EMPTY", "fail")]


def test_a_spoken_answer_without_sound_is_named_before_the_events_that_are_missing() -> None:
    words = audio_deltas(0)
    assert spoken(words).judge().bad_outcomes() == [("audio", "EVENTS-NO-AUDIO", "fail")]


def test_sound_that_is_silence_is_none() -> None:
    assert spoken(audio_deltas(silent=True)).judge().bad_outcomes() == [("audio", "EVENTS-SILENT-AUDIO", "fail")]


@pytest.mark.parametrize(("ms", "severity"), [(100.0, None), (90.0, None), (40.0, Severity.WARNING)])
def test_audio_that_comes_too_slowly_has_holes(ms: float, severity: Severity | None) -> None:
    """Deltas come every 100 ms: with 40 ms in each there are many small holes, and none that is long."""
    made = spoken(audio_deltas(10, ms=ms))
    if severity:
        last = made.entries.pop(-7)
        assert last.type == "response.output_audio.delta"
        made.entries.insert(-6, CaptureEntry(at=last.at + 0.45, who="server", event=last.event, audio_ms=ms))
    assert [f.severity for f in made.judge().findings if f.code == "EVENTS-AUDIO-STALLS"] == (
        [severity] if severity else []
    )


def test_speech_that_could_not_be_written_down_is_told_with_its_error() -> None:
    made = SessionBuilder(session=dict(WRITTEN_DOWN)).ready()
    said(made, "failed", error={"type": "transcription_error", "code": "audio_unintelligible", "message": "m"})
    made.response(deltas=audio_deltas())
    assert made.judge("manual").bad_outcomes() == [("transcript", "EVENTS-AUDIO-UNINTELLIGIBLE", "fail")]


def said(made: SessionBuilder, ending: str = "completed", **fields: object) -> SessionBuilder:
    user = {"id": "item_u", "type": "message", "role": "user", "status": "completed", "content": []}
    made.server("input_audio_buffer.committed", item_id="item_u", previous_item_id=None)
    made.server("conversation.item.added", item=user, previous_item_id=None)
    made.server("conversation.item.done", item=user, previous_item_id=None).turn_ended()
    if ending:
        name = f"conversation.item.input_audio_transcription.{ending}"
        fields = fields or {"transcript": "xxxx", "usage": {}}
        made.server(name, item_id="item_u", content_index=0, **fields)
    return made


def test_speech_that_is_never_written_down_is_a_fault_where_that_was_promised() -> None:
    made = said(SessionBuilder(session=dict(WRITTEN_DOWN)).ready(), "").response(deltas=audio_deltas())
    heard = made.judge("manual", ending=SilentEnding(at=20, owed="transcript", seconds=10))
    assert heard.bad_outcomes() == [("transcript", "EVENTS-NO-TRANSCRIPT", "fail")]


def test_and_none_where_it_was_not() -> None:
    heard = said(SessionBuilder(session=dict(SPOKEN)).ready(), "").response(deltas=audio_deltas()).judge("manual")
    assert heard.bad_outcomes() == []
    assert heard.row("transcript").severity is Severity.SKIPPED


def test_an_event_that_never_came_is_named_with_those_that_did() -> None:
    heard = asked(output_modalities=["audio"]).response("resp_0", audio_deltas()).response("resp_1", audio_deltas())
    found = heard.judge("interrupt")
    assert found.bad_outcomes() == [("events", "EVENTS-MISSING", "fail")]
    told = {item.label: item.value for item in found.row("events").evidence}
    assert told[""] == "missing: conversation.item.truncated"
    assert "response.done x2" in told["came"]


def test_what_is_missing_on_a_beta_server_goes_by_the_names_of_the_beta() -> None:
    session = {"id": "sess_1", "modalities": ["text"], "voice": "alloy"}
    made = SessionBuilder(session=session).ready()
    heard = made.judge(ending=FinishedEnding(at=1), dialect="beta")
    (row,) = [f for f in heard.findings if f.check == "events"]
    assert "conversation.item.created" in row.evidence[0].value
    assert "conversation.item.done" not in row.evidence[0].value


def test_one_error_is_told_by_its_own_code() -> None:
    made = asked().server("error", error={"type": "invalid_request_error", "code": "invalid_value", "message": "m"})
    heard = made.response().judge()
    assert heard.bad_outcomes() == [("events", "EVENTS-INVALID-VALUE", "fail")]


def test_many_are_a_storm_that_counts_them_by_code() -> None:
    made = asked()
    for _ in range(12):
        made.server("error", error={"type": "invalid_request_error", "code": "invalid_value", "message": "m"})
    heard = made.response().judge()
    assert heard.bad_outcomes() == [("events", "EVENTS-ERROR-STORM", "fail")]
    assert heard.row("events").evidence[0].value == "12 errors: invalid_value x12"


def test_so_are_few_of_a_bridge_that_stand_for_many() -> None:
    made = asked().bridge("error", code="UPSTREAM_ERROR", message="m", suppressed=40)
    assert made.response().judge().bad_outcomes() == [("events", "EVENTS-ERROR-STORM", "fail")]


def test_an_error_that_only_says_that_messages_crossed_is_noted() -> None:
    error = {"type": "invalid_request_error", "code": "response_cancel_not_active", "message": "m"}
    heard = asked().response().server("error", error=error).judge()
    assert heard.bad_outcomes() == [("events", "EVENTS-HARMLESS-ERRORS", "info")]


def test_what_a_bridge_says_again_of_a_failed_answer_is_no_second_cause() -> None:
    made = asked().bridge("error", code="UPSTREAM_ERROR", message="m", detail={"responseId": "resp_1"})
    error = {"type": "server_error", "code": None, "message": "m"}
    made.response(status="failed", status_details={"type": "failed", "error": error})
    assert made.judge().bad_outcomes() == [("answer", "EVENTS-SERVER-ERROR", "fail")]


def test_words_that_differ_from_their_deltas_are_told_without_the_words() -> None:
    made = asked().response()
    place = next(n for n, entry in enumerate(made.entries) if entry.type == "response.output_text.done")
    entry = made.entries[place]
    made.entries[place] = CaptureEntry(at=entry.at, who="server", event=entry.event, differs=True)
    heard = made.judge()
    assert heard.bad_outcomes() == [("order", "EVENTS-OUT-OF-ORDER", "fail")]
    assert heard.row("order").evidence[0].value == "the final text is not what its deltas add up to"


def test_what_is_left_open_at_the_end_breaks_the_order_too() -> None:
    user = {"id": "item_u", "type": "message", "role": "user", "content": []}
    made = asked().response().server("conversation.item.added", item={**user, "id": "item_x"}, previous_item_id=None)
    heard = made.judge()
    assert heard.bad_outcomes() == [("order", "EVENTS-OUT-OF-ORDER", "fail")]
    assert ("first", "at the end") in [(e.label, e.value) for e in heard.row("order").evidence]


def test_something_sent_that_nobody_confirms_is_named() -> None:
    heard = asked().response().judge("long", ending=SilentEnding(at=30, owed="event", seconds=10))
    assert heard.bad_outcomes() == [("answer", "EVENTS-UNANSWERED", "fail")]
