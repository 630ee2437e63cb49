"""How long callers wait for the first audio of an answer, and how long players go on after speech: told once each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.core.commands import LogEvent
from bridge.core.events import ClientCommit, ClientText, Interrupt, PlaybackProgress, UpstreamEvent
from tests.core.builders import native, play, ready_session, response_created, response_done

if TYPE_CHECKING:
    from bridge.core.events import Event
    from bridge.core.session import Session

AUDIO = UpstreamEvent(1, "response.output_audio.delta", b"." * 64_000)
STARTED = native("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
STOPPED = native("input_audio_buffer.speech_stopped", item_id="u1", audio_end_ms=900)
ITEM = {"id": "i1", "type": "message", "role": "assistant", "content": []}
ANSWER: tuple[Event, ...] = (
    response_created("r1"),
    native("response.output_item.added", response_id="r1", item=ITEM),
)


def told(session: Session, *events: tuple[float, Event]) -> list[tuple[str, float]]:
    logged = [one for now, event in events for one in session.handle(event, now) if isinstance(one, LogEvent)]
    names = ("answer.first_audio", "barge_in.silent")
    return [(one.name, round(one.fields["seconds"], 3)) for one in logged if one.name in names]


def answer(at: float) -> list[tuple[float, Event]]:
    return [(at, event) for event in (*ANSWER, AUDIO, AUDIO)]


def test_the_wait_for_an_answer_counts_from_the_end_of_speech_and_once() -> None:
    session = ready_session()
    assert told(session, (1.0, STARTED), (2.0, STOPPED), *answer(2.4)) == [("answer.first_audio", 0.4)]
    assert told(session, (3.0, response_done("r1")), (4.0, STOPPED)) == []


def test_a_caller_who_goes_on_speaking_does_not_wait() -> None:
    session = ready_session()
    assert told(session, (1.0, STOPPED), (1.5, STARTED), *answer(2.0)) == []


def test_the_wait_for_an_answer_to_a_text_counts_from_its_request() -> None:
    session = ready_session()
    assert told(session, (1.0, ClientText("hello")), *answer(1.7)) == [("answer.first_audio", 0.7)]


def test_audio_that_nobody_waits_for_is_not_told() -> None:
    assert told(ready_session(), *answer(2.0)) == []
    assert told(ready_session(), (1.0, ClientCommit()), *answer(2.0)) == []


@pytest.mark.parametrize(("played_ms", "seconds"), [(1_000, 0.0), (1_050, 0.05), (2_000, 1.0), (900, 0.0)])
def test_how_long_a_player_went_on_counts_from_the_speech(played_ms: int, seconds: float) -> None:
    session = ready_session()
    play(session, *ANSWER, AUDIO, AUDIO, AUDIO, AUDIO)
    found = told(session, (1.0, PlaybackProgress("i1", 1_000)), (1.0, STARTED), (1.3, Interrupt("i1", played_ms)))
    assert found == [("barge_in.silent", seconds)]


def test_a_player_whose_reports_show_that_it_went_on_is_told_once() -> None:
    session = ready_session()
    play(session, *ANSWER, AUDIO, AUDIO, AUDIO, AUDIO)
    events: list[tuple[float, Event]] = [(1.0, PlaybackProgress("i1", 500)), (1.0, STARTED)]
    events += [
        (2.0, PlaybackProgress("i1", 1_000)),
        (2.2, PlaybackProgress("i1", 1_250)),
        (3.0, Interrupt("i1", 1_500)),
    ]
    assert told(session, *events) == [("barge_in.silent", 0.5)]


def test_of_a_client_that_reports_no_playback_nothing_is_known() -> None:
    session = ready_session()
    play(session, *ANSWER, AUDIO, AUDIO)
    assert told(session, (0.5, STARTED), (0.6, Interrupt("i1", 600))) == []
