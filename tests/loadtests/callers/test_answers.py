"""Answers: latency from when the turn was due to end, silences as the ear hears them, and nobody else's audio."""

from __future__ import annotations

from loadtests.callers.answers import AnswerTimer


class Heard(list[tuple[str, float]]):
    """What was measured."""

    def took(self, name: str, seconds: float) -> None:
        self.append((name, round(seconds, 6)))


def asked(due: float = 10.0) -> tuple[AnswerTimer, Heard]:
    heard = Heard()
    answers = AnswerTimer(heard.took)
    answers.turn_ended(due)
    return answers, heard


def test_latency_counts_from_when_the_turn_was_due() -> None:
    answers, heard = asked(10.0)
    answers.on_text(10.3)
    answers.on_audio(10.5, 500, "item")
    assert answers.finish(12.0)
    assert heard == [("first_text", 0.3), ("first_audio", 0.5), ("turn", 2.0), ("audio_gap", 0.0)]


def test_only_the_first_of_each_counts() -> None:
    answers, heard = asked()
    for at in (10.1, 10.2, 10.3):
        answers.on_text(at)
        answers.on_audio(at, 500, "item")
    assert [name for name, _ in heard] == ["first_text", "first_audio"]


def test_a_gap_is_what_the_ear_would_hear() -> None:
    answers, heard = asked(0.0)
    answers.on_audio(1.0, 1000, "item")  # plays until 2.0, as the next comes early
    answers.on_audio(1.1, 1000, "item")  # until 3.0
    answers.on_audio(3.25, 1000, "item")  # a quarter of a second of nothing
    answers.on_audio(4.3, 1000, "item")  # and less of it here
    answers.finish(5.0)
    assert ("audio_gap", 0.25) in heard


def test_what_nobody_asked_for_is_not_measured() -> None:
    heard = Heard()
    answers = AnswerTimer(heard.took)
    answers.on_text(1.0)
    answers.on_audio(1.0, 20, "item")
    assert not answers.finish(2.0)
    assert heard == []


def test_cutting_in_measures_no_turn_and_ignores_what_is_still_on_its_way() -> None:
    answers, heard = asked(0.0)
    answers.on_audio(1.0, 400, "one")
    answers.interrupt()
    assert [name for name, _ in heard] == ["first_audio", "audio_gap"]
    answers.turn_ended(3.0)
    answers.on_audio(3.1, 400, "one")
    assert answers.received_ms == 0
    answers.on_audio(3.5, 400, "two")
    assert heard[-1] == ("first_audio", 0.5)


def test_giving_up_says_whether_something_was_owed() -> None:
    answers, heard = asked()
    assert answers.give_up()
    assert not answers.give_up()
    assert not answers.finish(11.0)
    assert heard == []
