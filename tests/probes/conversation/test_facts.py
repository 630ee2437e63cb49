from __future__ import annotations

import pytest

from bridge.protocol.dialects.detection import Dialect, SessionKind
from probes.conversation.facts import SessionFacts
from probes.conversation.response_facts import ResponseFacts
from probes.recording.capture import CaptureEntry
from tests.probes.conversation.session_builder import SESSION, SessionBuilder, audio_deltas


def facts_of(session_entries: SessionBuilder, dialect: Dialect = Dialect.GA) -> SessionFacts:
    facts = SessionFacts(dialect)
    for entry in session_entries.entries:
        facts.feed(entry)
    return facts


def test_the_facts_come_from_the_entries_alone() -> None:
    session_entries = (
        SessionBuilder(session={**SESSION, "output_modalities": ["audio"]})
        .ready()
        .question()
        .response(deltas=audio_deltas())
    )
    facts = facts_of(session_entries)
    assert facts.dialect is Dialect.GA
    assert facts.session_id == "sess_1"
    assert (facts.opened_at, facts.ready_at, facts.ready_index) == (0.0, 0.1, 1)
    assert facts.user_item_ids == ["item_u"]
    assert facts.turns_ended_at == [0.4]
    assert facts.speaks is True
    (response,) = facts.finished_responses
    assert (response.status, response.characters, response.audio_ms, response.audible) == ("completed", 4, 1000.0, True)
    assert response.item_id == "item_resp_1"
    assert facts.violations == []


@pytest.mark.parametrize(
    ("session", "transcribes", "speaks"),
    [
        ({"audio": {"input": {"transcription": {"model": "m"}}}, "output_modalities": ["audio"]}, True, True),
        ({"audio": {"input": {"transcription": None}}, "output_modalities": ["text"]}, False, False),
        ({"input_audio_transcription": {"model": "m"}, "modalities": ["audio", "text"]}, True, True),
        ({"audio": "no object", "modalities": "no list"}, False, None),
        ({}, False, None),
    ],
)
def test_the_session_object_says_whether_it_transcribes_and_speaks(
    session: dict[str, object], transcribes: bool, speaks: bool | None
) -> None:
    facts = facts_of(SessionBuilder(session=session).ready())
    assert (facts.transcribes, facts.speaks) == (transcribes, speaks)


def test_beta_events_are_counted_under_their_ga_names_and_their_own() -> None:
    facts = facts_of(SessionBuilder(session={"id": "s", "modalities": ["text"]}).ready().server("response.text.delta"))
    assert facts.dialect is Dialect.BETA
    assert facts.event_counts["response.output_text.delta"] == facts.wire_event_counts["response.text.delta"] == 1


def test_repeats_errors_and_unreadable_frames_are_no_progress() -> None:
    facts = SessionFacts(Dialect.GA)
    created = CaptureEntry(at=0, who="server", event={"type": "session.created", "event_id": "e", "session": SESSION})
    assert facts.feed(created)
    assert not facts.feed(created), "the same again"
    assert not facts.feed(CaptureEntry(at=0, who="server", event={"type": "error", "event_id": "f", "error": {}}))
    assert not facts.feed(CaptureEntry(at=0, who="server", event={}, unreadable="a binary frame"))
    assert not facts.feed(CaptureEntry(at=0, who="client", event={"type": "response.create"}))
    assert not facts.feed(CaptureEntry(at=0, who="bridge", event={"type": "error"}))
    assert facts.feed(CaptureEntry(at=0, who="bridge", event={"type": "session_initializing"}))
    assert facts.repeats == [1]
    assert facts.unreadable == [(3, "a binary frame")]


def test_the_first_confirmation_of_the_configuration_counts() -> None:
    session_entries = SessionBuilder().server("session.created", session=SESSION).bridge("session_ready")
    assert facts_of(session_entries.server("session.updated", session=SESSION)).ready_index == 1


def test_malformed_events_do_not_raise() -> None:
    session_entries = SessionBuilder().ready()
    for name in ("response.done", "response.created", "conversation.item.added", "response.output_item.done", "error"):
        session_entries.server(name, response="no object", item=7, error=None)
    session_entries.server("input_audio_buffer.committed").server("response.output_text.delta", delta=None)
    facts = facts_of(session_entries)
    assert facts.violations
    assert len(facts.errors) == 1


@pytest.mark.parametrize("odd", [{}, [], 5, True])
def test_an_error_whose_code_is_not_text_counts_like_any_other(odd: object) -> None:
    early = SessionBuilder().server("error", error={"type": "invalid_request_error", "code": odd})
    late = SessionBuilder().ready().server("error", error={"type": odd, "code": odd})
    for session_entries in (early, late):
        (error,) = facts_of(session_entries).errors
        assert error.fields["code"] == str(odd)
        session_entries.judge()


def test_a_transcription_is_pending_only_if_the_session_transcribes() -> None:
    session = {**SESSION, "audio": {"input": {"transcription": {"model": "m"}}}}
    session_entries = SessionBuilder(session=session).ready().server("input_audio_buffer.committed", item_id="a")
    assert facts_of(session_entries).pending_transcriptions == ["a"]
    session_entries.server("conversation.item.input_audio_transcription.failed", item_id="a", error={"code": "c"})
    facts = facts_of(session_entries)
    assert facts.pending_transcriptions == []
    error = facts.transcriptions["a"]
    assert error is not None
    assert error.fields == {"code": "c"}
    assert (
        facts_of(SessionBuilder().ready().server("input_audio_buffer.committed", item_id="a")).pending_transcriptions
        == []
    )


def test_a_function_call_is_kept_with_its_id() -> None:
    session_entries = SessionBuilder().ready()
    item = {"id": "i", "type": "function_call", "call_id": "call_1", "name": "look_up"}
    facts = facts_of(session_entries.server("response.output_item.done", response_id="r", output_index=0, item=item))
    assert facts.responses["r"].function_calls == [("call_1", "look_up")]


def test_playback_goes_through_the_items_of_a_response_in_their_order() -> None:
    response = ResponseFacts(id="r", created_at=0, item_id="i2", spoken={"i1": 200, "i2": 300})
    heard = [response.item_at(played) for played in (0, 200, 250, 900)]
    assert heard == [("i1", 0), ("i1", 200), ("i2", 50), ("i2", 300)]
    assert ResponseFacts(id="r", created_at=0, item_id="i2").item_at(70) == ("i2", 70)


def test_audio_counts_for_the_item_that_it_names_and_without_a_name_for_the_last_message() -> None:
    session_entries = SessionBuilder().ready()
    for item_id, kind in (("i1", "message"), ("i2", "function_call")):
        item = {"id": item_id, "type": kind}
        session_entries.server("response.output_item.added", response_id="r", output_index=0, item=item)
    for named in ({"item_id": "i0"}, {}, {"item_id": "i0"}):
        session_entries.server("response.output_audio.delta", response_id="r", **named)
    assert list(facts_of(session_entries).responses["r"].spoken) == ["i0", "i1"]


def test_a_transcription_session_is_one_by_its_kind() -> None:
    facts = SessionFacts(Dialect.GA, SessionKind.TRANSCRIPTION)
    session = {"type": "transcription", "id": "s"}
    facts.feed(CaptureEntry(at=0, who="server", event={"type": "session.created", "event_id": "e", "session": session}))
    assert facts.violations == []
