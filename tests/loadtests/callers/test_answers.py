"""Answers: latency from when the turn was due to end, audible gaps, and no audio of other answers."""

from __future__ import annotations

from loadtests.callers.answers import AnswerTimer


class RecordedDurations(list[tuple[str, float]]):
    """The recorded durations."""

    def record(self, name: str, seconds: float) -> None:
        self.append((name, round(seconds, 6)))


def after_turn(due: float = 10.0) -> tuple[AnswerTimer, RecordedDurations]:
    durations = RecordedDurations()
    answers = AnswerTimer(durations.record)
    answers.turn_ended(due)
    return answers, durations


def test_latency_counts_from_when_the_turn_was_due() -> None:
    answers, durations = after_turn(10.0)
    answers.on_text(10.3)
    answers.on_audio(10.5, 500, "item")
    assert answers.finish(12.0)
    assert durations == [("first_text", 0.3), ("first_audio", 0.5), ("turn", 2.0), ("audio_gap", 0.0)]


def test_only_the_first_of_each_counts() -> None:
    answers, durations = after_turn()
    for at in (10.1, 10.2, 10.3):
        answers.on_text(at)
        answers.on_audio(at, 500, "item")
    assert [name for name, _ in durations] == ["first_text", "first_audio"]


def test_a_gap_is_what_the_ear_would_hear() -> None:
    answers, durations = after_turn(0.0)
    answers.on_audio(1.0, 1000, "item")  # plays until 2.0, as the next comes early
    answers.on_audio(1.1, 1000, "item")  # until 3.0
    answers.on_audio(3.25, 1000, "item")  # a quarter of a second of nothing
    answers.on_audio(4.3, 1000, "item")  # and less of it here
    answers.finish(5.0)
    assert ("audio_gap", 0.25) in durations


def test_unrequested_measurements_are_not_taken() -> None:
    durations = RecordedDurations()
    answers = AnswerTimer(durations.record)
    answers.on_text(1.0)
    answers.on_audio(1.0, 20, "item")
    assert not answers.finish(2.0)
    assert durations == []


def test_cutting_in_measures_no_turn_and_ignores_what_is_still_on_its_way() -> None:
    answers, durations = after_turn(0.0)
    answers.on_audio(1.0, 400, "one")
    answers.interrupt()
    assert [name for name, _ in durations] == ["first_audio", "audio_gap"]
    answers.turn_ended(3.0)
    answers.on_audio(3.1, 400, "one")
    assert answers.received_ms == 0
    answers.on_audio(3.5, 400, "two")
    assert durations[-1] == ("first_audio", 0.5)


def test_giving_up_says_whether_an_answer_was_awaited() -> None:
    answers, durations = after_turn()
    assert answers.give_up()
    assert not answers.give_up()
    assert not answers.finish(11.0)
    assert durations == []
