from __future__ import annotations

import pytest

from bridge.protocol.dialects.detection import Dialect, SessionKind
from probes.conversation.facts import SessionFacts
from probes.recording.capture import CaptureEntry
from tests.probes.conversation.session_builder import SESSION, SessionBuilder, audio_deltas


def account_of(made: SessionBuilder, dialect: Dialect = Dialect.GA) -> SessionFacts:
    account = SessionFacts(dialect)
    for entry in made.entries:
        account.feed(entry)
    return account


def test_a_session_is_told_by_the_entries_alone() -> None:
    made = (
        SessionBuilder(session={**SESSION, "output_modalities": ["audio"]})
        .ready()
        .question()
        .response(deltas=audio_deltas())
    )
    account = account_of(made)
    assert account.dialect is Dialect.GA
    assert account.session_id == "sess_1"
    assert (account.opened_at, account.ready_at, account.ready_index) == (0.0, 0.1, 1)
    assert account.user_item_ids == ["item_u"]
    assert account.turns_ended_at == [0.4]
    assert account.speaks is True
    (answer,) = account.finished_responses
    assert (answer.status, answer.characters, answer.audio_ms, answer.audible) == ("completed", 4, 1000.0, True)
    assert answer.item_id == "item_resp_1"
    assert account.violations == []


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
def test_what_a_session_does_is_what_it_shows(
    session: dict[str, object], transcribes: bool, speaks: bool | None
) -> None:
    account = account_of(SessionBuilder(session=session).ready())
    assert (account.transcribes, account.speaks) == (transcribes, speaks)


def test_names_of_the_beta_are_counted_under_those_of_ga_and_kept_as_they_came() -> None:
    account = account_of(
        SessionBuilder(session={"id": "s", "modalities": ["text"]}).ready().server("response.text.delta")
    )
    assert account.dialect is Dialect.BETA
    assert account.event_counts["response.output_text.delta"] == account.wire_event_counts["response.text.delta"] == 1


def test_only_what_moves_the_session_on_is_progress() -> None:
    account = SessionFacts(Dialect.GA)
    created = CaptureEntry(at=0, who="server", event={"type": "session.created", "event_id": "e", "session": SESSION})
    assert account.feed(created)
    assert not account.feed(created), "the same again"
    assert not account.feed(CaptureEntry(at=0, who="server", event={"type": "error", "event_id": "f", "error": {}}))
    assert not account.feed(CaptureEntry(at=0, who="server", event={}, unreadable="a binary frame"))
    assert not account.feed(CaptureEntry(at=0, who="client", event={"type": "response.create"}))
    assert not account.feed(CaptureEntry(at=0, who="bridge", event={"type": "error"}))
    assert account.feed(CaptureEntry(at=0, who="bridge", event={"type": "session_initializing"}))
    assert account.repeats == [1]
    assert account.unreadable == [(3, "a binary frame")]


def test_a_bridge_confirms_too_and_the_first_confirmation_counts() -> None:
    made = SessionBuilder().server("session.created", session=SESSION).bridge("session_ready")
    assert account_of(made.server("session.updated", session=SESSION)).ready_index == 1


def test_events_that_are_not_what_they_should_be_are_taken_as_they_are() -> None:
    made = SessionBuilder().ready()
    for name in ("response.done", "response.created", "conversation.item.added", "response.output_item.done", "error"):
        made.server(name, response="no object", item=7, error=None)
    made.server("input_audio_buffer.committed").server("response.output_text.delta", delta=None)
    account = account_of(made)
    assert account.violations
    assert len(account.errors) == 1


@pytest.mark.parametrize("odd", [{}, [], 5, True])
def test_an_error_whose_names_are_no_text_is_an_error_like_any_other(odd: object) -> None:
    early = SessionBuilder().server("error", error={"type": "invalid_request_error", "code": odd})
    late = SessionBuilder().ready().server("error", error={"type": odd, "code": odd})
    for made in (early, late):
        (failure,) = account_of(made).errors
        assert failure.error["code"] == str(odd)
        made.judge()


def test_a_turn_waits_for_its_transcript_only_where_there_will_be_one() -> None:
    session = {**SESSION, "audio": {"input": {"transcription": {"model": "m"}}}}
    made = SessionBuilder(session=session).ready().server("input_audio_buffer.committed", item_id="a")
    assert account_of(made).pending_transcriptions == ["a"]
    made.server("conversation.item.input_audio_transcription.failed", item_id="a", error={"code": "c"})
    account = account_of(made)
    assert account.pending_transcriptions == []
    failure = account.transcriptions["a"]
    assert failure is not None
    assert failure.error == {"code": "c"}
    assert (
        account_of(SessionBuilder().ready().server("input_audio_buffer.committed", item_id="a")).pending_transcriptions
        == []
    )


def test_a_function_call_is_kept_with_its_id() -> None:
    made = SessionBuilder().ready()
    item = {"id": "i", "type": "function_call", "call_id": "call_1", "name": "look_up"}
    account = account_of(made.server("response.output_item.done", response_id="r", output_index=0, item=item))
    assert account.responses["r"].function_calls == [("call_1", "look_up")]


def test_a_transcription_session_is_one_by_its_kind() -> None:
    account = SessionFacts(Dialect.GA, SessionKind.TRANSCRIPTION)
    session = {"type": "transcription", "id": "s"}
    account.feed(
        CaptureEntry(at=0, who="server", event={"type": "session.created", "event_id": "e", "session": session})
    )
    assert account.violations == []
