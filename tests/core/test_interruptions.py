"""Callers who speak over answers, echo, answers that end at once, and answers that go on: told, and only then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bridge.core.commands import LogEvent
from bridge.core.events import ClientNative, Interrupt, PlaybackProgress, UpstreamEvent
from bridge.core.speech.interruptions import Interruptions, sounds_like_echo
from tests.core.builders import native, play, ready_session, reconnect, response_created, response_done, text_item_done
from tests.shared_cases import shared_cases

if TYPE_CHECKING:
    from bridge.core.events import Event
    from bridge.core.session import Session

    Timed = list[tuple[float, Event]]

SECOND = b"." * (220 + 64_000)
TEXT = "Your balance is four hundred dollars today."
TOLD = ("caller.spoke_over_answer", "caller.echo", "answer.cut_short", "barge_in.slow")


def told(session: Session, *events: tuple[float, Event]) -> list[tuple[str, Any]]:
    """Handle events at their times. Returns what the operator is told of interruptions, each with its item or value."""
    logged = [one for now, event in events for one in session.handle(event, now) if isinstance(one, LogEvent)]
    return [
        (one.name, next(one.fields[key] for key in ("item", "cause", "ms") if key in one.fields))
        for one in logged
        if one.name in TOLD
    ]


def answering(item_id: str = "i1", *, seconds: int = 5, now: float = 0.0) -> Session:
    """A session that is speaking an answer, of which so many seconds were sent at once."""
    session = ready_session()
    speak(session, item_id, seconds, now)
    return session


def speak(session: Session, item_id: str, seconds: int, now: float) -> None:
    play(session, response_created(f"resp_{item_id}"), now=now)
    item = {"id": item_id, "type": "message", "role": "assistant", "content": []}
    added = native("response.output_item.added", response_id=f"resp_{item_id}", item=item)
    play(session, added, native("conversation.item.added", item=item), now=now)
    for _ in range(seconds):
        if not session.relay_event(1, "response.output_audio.delta", SECOND, now):
            play(session, UpstreamEvent(1, "response.output_audio.delta", SECOND), now=now)


def speech_started(turn: str = "u1") -> UpstreamEvent:
    return native("input_audio_buffer.speech_started", item_id=turn, audio_start_ms=100)


def transcribed(text: str, turn: str = "u1") -> UpstreamEvent:
    return native("conversation.item.input_audio_transcription.completed", item_id=turn, transcript=text)


OVER = ("caller.spoke_over_answer", "i1")


@pytest.mark.parametrize("case", shared_cases("echo"), ids=lambda case: case["said"])
def test_an_echo_has_most_of_its_words_in_the_answer(case: dict[str, Any]) -> None:
    assert sounds_like_echo(case["said"], case["answer"]) is case["echo"]


def test_speech_while_an_answer_plays_is_told() -> None:
    assert told(answering(), (4.9, speech_started())) == [OVER]


def test_speech_after_the_answer_was_played_is_a_turn_like_any_other() -> None:
    assert told(answering(), (5.0, speech_started())) == []


def test_speech_before_any_answer_is_a_turn_like_any_other() -> None:
    assert told(ready_session(), (1.0, speech_started())) == []


def test_a_player_that_is_late_still_plays() -> None:
    late: tuple[float, Event] = (5.0, PlaybackProgress("i1", 4_000))
    assert told(answering(), late, (5.9, speech_started())) == [OVER]
    assert told(answering(), late, (6.0, speech_started())) == []


def test_what_was_silenced_plays_no_more() -> None:
    assert told(answering(), (1.0, Interrupt("i1", 900)), (1.5, speech_started())) == []


def test_an_sdk_silences_by_truncating() -> None:
    cut = {"item_id": "i1", "audio_end_ms": 900}
    truncate = ClientNative("conversation.item.truncate", b"{}", cut)
    assert told(answering(), (1.0, truncate), (1.5, speech_started())) == []


def test_the_next_answer_plays_from_its_own_start() -> None:
    session = answering()
    play(session, Interrupt("i1", 100), response_done("resp_i1"), now=1.0)
    speak(session, "i2", 2, 3.0)
    assert told(session, (4.9, speech_started())) == [("caller.spoke_over_answer", "i2")]


def test_a_transcript_that_repeats_the_answer_is_an_echo() -> None:
    session = answering()
    play(session, text_item_done("i1", TEXT, "assistant"))
    assert told(session, (1.0, speech_started()), (3.0, transcribed("your balance is four"))) == [
        OVER,
        ("caller.echo", "i1"),
    ]
    assert told(session, (4.0, transcribed("your balance is four"))) == []


def test_another_transcript_is_none() -> None:
    session = answering()
    play(session, text_item_done("i1", TEXT, "assistant"))
    assert told(session, (1.0, speech_started()), (3.0, transcribed("no wait, what about euros"))) == [OVER]


def test_a_caller_who_repeats_an_answer_that_is_over_is_none() -> None:
    session = answering()
    play(session, text_item_done("i1", TEXT, "assistant"))
    assert told(session, (9.0, speech_started()), (12.0, transcribed(TEXT))) == []


def test_of_an_answer_without_a_text_nothing_is_an_echo() -> None:
    assert told(answering(), (1.0, speech_started()), (3.0, transcribed(TEXT))) == [OVER]


def test_transcripts_that_never_come_are_forgotten() -> None:
    interruptions = Interruptions()
    interruptions.audio_begins("i1", 0.0)
    for number in range(9):
        assert interruptions.speech_started(f"u{number}", 1e6, 1.0) == "i1"
    assert [interruptions.transcribed(f"u{number}") for number in (0, 1, 8)] == [None, "i1", "i1"]


def test_an_answer_that_goes_on_for_more_than_300_ms_is_told_once() -> None:
    reports: Timed = [(1.0, PlaybackProgress("i1", 900)), (1.1, speech_started())]
    late: Timed = [(1.3 + n / 4, PlaybackProgress("i1", 1_200 + n * 250)) for n in range(4)]
    assert told(answering(), *reports, *late) == [OVER, ("barge_in.slow", 450)]


@pytest.mark.parametrize(("played_ms", "slow"), [(1_300, []), (1_301, [("barge_in.slow", 301)])])
def test_the_interruption_itself_says_how_far_the_answer_went(played_ms: int, slow: list[tuple[str, int]]) -> None:
    events: Timed = [(1.0, PlaybackProgress("i1", 1_000)), (1.0, speech_started()), (2.0, Interrupt("i1", played_ms))]
    assert told(answering(), *events) == [OVER, *slow]


def test_an_interruption_ends_the_measurement() -> None:
    events: Timed = [(1.0, PlaybackProgress("i1", 1_000)), (1.0, speech_started()), (1.1, Interrupt("i1", 1_050))]
    assert told(answering(), *events, (1.2, PlaybackProgress("i1", 4_000))) == [OVER]


def test_the_playback_of_another_item_says_nothing_of_this_one() -> None:
    events: Timed = [
        (1.0, PlaybackProgress("i1", 1_000)),
        (1.0, speech_started()),
        (1.1, PlaybackProgress("i0", 4_000)),
    ]
    assert told(answering(), *events) == [OVER]
    other: Timed = [(2.0, PlaybackProgress("i0", 9_000)), (2.0, speech_started())]
    assert told(answering(), *other) == [OVER]


def test_of_a_client_that_reports_no_playback_nobody_knows_how_soon_it_fell_silent() -> None:
    assert told(answering(), (1.0, speech_started()), (4.0, Interrupt("i1", 3_900))) == [OVER]
    assert told(answering(), (1.0, speech_started()), (4.0, Interrupt())) == [OVER]


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("turn_detected", "turn_detected"),
        ("client_cancelled", "client_cancelled"),
        ("x" * 99, "other"),
        (None, "other"),
    ],
)
def test_an_answer_that_is_cancelled_at_once_is_told_with_who_did_it(reason: str | None, cause: str) -> None:
    session = answering(now=1.0)
    details = {"type": "cancelled", "reason": reason}
    done = response_done("resp_i1", status="cancelled", status_details=details)
    assert told(session, (1.29, done)) == [("answer.cut_short", cause)]


@pytest.mark.parametrize(("at", "status"), [(1.3, "cancelled"), (1.1, "completed"), (1.1, "failed")])
def test_an_answer_that_lasted_or_ended_otherwise_is_not(at: float, status: str) -> None:
    assert told(answering(now=1.0), (at, response_done("resp_i1", status=status))) == []


def test_another_response_that_is_cancelled_at_once_is_not_the_answer() -> None:
    assert told(answering(), (0.1, response_done("resp_of_a_summary", status="cancelled"))) == []


def test_audio_of_no_item_plays_nothing() -> None:
    session = ready_session()
    play(session, UpstreamEvent(1, "response.output_audio.delta", SECOND))
    assert told(session, (0.1, speech_started())) == []


def test_nothing_of_a_lost_session_plays_in_the_fresh_one() -> None:
    session = answering()
    reconnect(session, now=0.1)
    fresh = native("input_audio_buffer.speech_started", 2, item_id="u1", audio_start_ms=0)
    assert told(session, (8.2, fresh)) == []


def test_what_a_client_says_in_place_of_an_item_id_does_not_reach_the_log() -> None:
    said = "My card number is four one one one."
    done = [one for text in (said, "item_1") for one in answering().handle(Interrupt(text, 100), 1.0)]
    logged = [one.fields["item"] for one in done if isinstance(one, LogEvent) and one.name == "client.interrupted"]
    assert logged == [f"({len(said)} characters)", "item_1"]
