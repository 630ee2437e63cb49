"""What an echoed answer says about the sentence before it."""

from __future__ import annotations

import base64

import pytest

from bridge.protocol.audio.tracer import CELL_BYTES, TracerSource
from loadtests.callers.echo import EchoAudit, EchoResult
from loadtests.scenarios.behaviour import CallerBehaviour, TargetEndpoint
from tests.loadtests.session_harness import DONE, READY, SHORT, SessionHarness, message

CALLER = 7


class Speaker:
    """A caller and its audit."""

    def __init__(self) -> None:
        self.source, self.echo = TracerSource(CALLER), EchoAudit(CALLER)

    def says(self, ms: int) -> bytes:
        before = self.source.sent_ms
        pcm = self.source.speech(ms)
        self.echo.sent(before, self.source.sent_ms)
        return pcm

    def hears(self, *pieces: bytes) -> EchoResult | None:
        for pcm in pieces:
            self.echo.received(pcm)
        return self.echo.finish_answer()


def echoed(heard: int, lost: int = 0, repeated: int = 0, reordered: int = 0) -> EchoResult:
    return EchoResult(received_ms=heard, lost_ms=lost, repeated_ms=repeated, reordered_ms=reordered)


def test_a_whole_echo_with_silence_around_it_lost_nothing() -> None:
    speaker = Speaker()
    before = speaker.source.silence(300)
    sentence = speaker.says(100) + speaker.says(100)
    behind = speaker.source.silence(200)
    assert speaker.hears(before[-10 * CELL_BYTES :] + sentence, behind) == echoed(200)


@pytest.mark.parametrize(
    ("cut", "result"),
    [
        (slice(2 * CELL_BYTES, None), echoed(160, lost=40)),
        (slice(None, -CELL_BYTES), echoed(180, lost=20)),
        (slice(None, 0), echoed(0, lost=200)),
    ],
    ids=["its first words", "its last", "all of it"],
)
def test_what_does_not_come_back_is_lost(cut: slice, result: EchoResult | None) -> None:
    speaker = Speaker()
    assert speaker.hears(speaker.says(200)[cut]) == result


def test_what_comes_back_twice_is_repeated_and_what_comes_late_is_reordered() -> None:
    speaker = Speaker()
    first, second = speaker.says(100), speaker.says(100)
    assert speaker.hears(second, first, first) == echoed(200, repeated=100, reordered=100)


def test_a_sentence_that_comes_back_with_the_next_answer_too_is_repeated() -> None:
    speaker = Speaker()
    first = speaker.says(100)
    assert speaker.hears(first) == echoed(100)
    assert speaker.hears(first[: 2 * CELL_BYTES] + speaker.says(100)) == echoed(100, repeated=40)


def test_an_answer_without_a_sentence_says_nothing() -> None:
    assert Speaker().hears(bytes(9600)) is None


def test_another_callers_audio_in_an_answer_is_crosstalk() -> None:
    speaker = Speaker()
    result = speaker.hears(speaker.says(100), TracerSource(CALLER + 1).speech(60))
    assert result == EchoResult(received_ms=100, lost_ms=0, repeated_ms=0, reordered_ms=0, crosstalk_ms=60)


def test_an_unanswered_sentence_does_not_affect_the_next() -> None:
    speaker = Speaker()
    speaker.says(100)
    speaker.echo.discard()
    assert speaker.hears(speaker.says(60)) == echoed(60)


def delta(pcm: bytes) -> str:
    return message("response.output_audio.delta", delta=base64.b64encode(pcm).decode(), item_id="item")


@pytest.mark.parametrize("endpoint", TargetEndpoint)
def test_a_call_accounts_for_each_turn_by_its_answer(endpoint: TargetEndpoint) -> None:
    harness = SessionHarness(CallerBehaviour(endpoint=endpoint, chunk_ms=20, speech_ms=100, pause_ms=60, echo=True))
    harness.receive(message("session.updated") if endpoint is TargetEndpoint.NATIVE else READY)
    harness.run_for(0.3)
    spoken = TracerSource(7).speech(100)
    harness.receive(delta(spoken[: 2 * CELL_BYTES]), delta(spoken[3 * CELL_BYTES :]), DONE)
    totals = {name: harness.total(name) for name in ("turns", "echoed_ms", "lost_ms", "repeated_ms", "reordered_ms")}
    assert totals == {"turns": 1, "echoed_ms": 80, "lost_ms": 20, "repeated_ms": 0, "reordered_ms": 0}


def test_without_echo_no_audio_is_decoded() -> None:
    harness = SessionHarness(SHORT)
    harness.receive(READY)
    harness.run_for(0.3)
    harness.receive(delta(TracerSource(7).speech(100)), DONE)
    assert "echoed_ms" not in harness.recorder.measurements.measured_names()


def test_an_answer_that_was_cut_in_upon_accounts_for_nothing() -> None:
    harness = SessionHarness(CallerBehaviour(chunk_ms=20, speech_ms=100, pause_ms=60, echo=True, interrupt_after_ms=20))
    harness.receive(READY)
    harness.run_for(0.3)
    harness.receive(delta(TracerSource(7).speech(60)))
    harness.run_for(0.1)
    harness.receive(message("response.done", response={"status": "cancelled"}))
    assert harness.total("turns") == 1
    assert "lost_ms" not in harness.recorder.measurements.measured_names()


def test_sound_that_is_no_base64_is_sound_all_the_same() -> None:
    harness = SessionHarness(CallerBehaviour(chunk_ms=20, speech_ms=100, pause_ms=60, echo=True))
    harness.receive(READY)
    harness.run_for(0.3)
    harness.receive(message("response.output_audio.delta", delta="%%%%", item_id="item"), DONE)
    assert harness.total("turns") == 1
