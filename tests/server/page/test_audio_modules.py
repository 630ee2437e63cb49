"""Resampling, blocks of speech, and the queue of the loudspeaker: what the audio thread computes."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.server.page.javascript import JavaScript

RATES = (8_000, 16_000, 44_100, 48_000, 96_000)


def tone(hz: float, rate: int, seconds: float = 0.1) -> list[float]:
    return [0.5 * math.sin(2 * math.pi * hz * n / rate) for n in range(round(rate * seconds))]


def level(samples: list[float]) -> float:
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    return math.sqrt(sum(one * one for one in middle) / len(middle))


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_is_the_same_tone_at_the_other_rate_and_as_long(javascript: JavaScript, rate: int) -> None:
    for source, target in ((rate, 24_000), (24_000, rate)):
        found = javascript.run("resample", **{"from": source, "to": target}, samples=tone(1_000, source))
        wanted = tone(1_000, target)
        assert abs(len(found) - len(wanted)) <= 1
        middle = range(len(wanted) // 4, len(wanted) * 3 // 4)
        assert max(abs(found[n] - wanted[n]) for n in middle) < 0.005


def test_a_tone_that_24_khz_cannot_hold_is_removed_not_folded_back(javascript: JavaScript) -> None:
    found = javascript.run("resample", **{"from": 48_000, "to": 24_000}, samples=tone(15_000, 48_000))
    assert level(found) < 0.001


@pytest.mark.parametrize("pieces", [2, 3, 7, 50])
def test_it_does_not_matter_in_which_pieces_samples_come(javascript: JavaScript, pieces: int) -> None:
    given: dict[str, Any] = {"from": 44_100, "to": 24_000, "samples": tone(700, 44_100)}
    whole, cut = javascript.run("resample", **given), javascript.run("resample", **given, pieces=pieces)
    assert cut == whole


def test_at_the_same_rate_samples_are_left_alone(javascript: JavaScript) -> None:
    samples = [0.25, -0.5, 1.0]
    assert javascript.run("resample", **{"from": 24_000, "to": 24_000}, samples=samples) == samples


def test_speech_leaves_in_blocks_of_20_ms_and_the_last_one_is_not_lost(javascript: JavaScript) -> None:
    made = javascript.run("blocks", rate=24_000, samples=[0.5] * 1_000)
    assert [len(one["pcm"]) for one in made["blocks"]] == [480, 480, 40]
    assert made["whole"] == 2
    assert {value for one in made["blocks"] for value in one["pcm"]} == {16_384}
    assert [one["peak"] for one in made["blocks"]] == [0.5, 0.5, 0.5]
    made = javascript.run("blocks", rate=48_000, samples=[0.0] * 48_000)
    assert sum(len(one["pcm"]) for one in made["blocks"]) == 24_000


def test_speech_that_is_too_loud_is_clipped_and_channels_are_mixed(javascript: JavaScript) -> None:
    made = javascript.run("blocks", rate=24_000, samples=[2.0, -2.0])
    assert made["blocks"][0]["pcm"] == [32_767, -32_768]
    assert javascript.run("mix", channels=[[1.0, 0.0], [0.0, 0.5]]) == [0.5, 0.25]
    assert javascript.run("mix", channels=[[1.0, 0.0]]) == [1.0, 0.0]


def play(javascript: JavaScript, *steps: object, rate: int = 24_000) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    found = javascript.run("player", rate=rate, steps=steps)
    return found["events"], found


def ms(count: int) -> int:
    """Return the samples of this many milliseconds."""
    return count * 24


def test_playing_begins_with_50_ms_or_with_a_whole_item(javascript: JavaScript) -> None:
    events, found = play(javascript, ["fill", "a", ms(49)], ["render", 4])
    assert events == []
    assert set(found["output"]) == {0}
    events, _ = play(javascript, ["fill", "a", ms(50)], ["render", 1])
    assert [one["event"] for one in events] == ["started"]
    events, _ = play(javascript, ["fill", "a", ms(10)], ["end", "a"], ["render", 4])
    assert [one["event"] for one in events] == ["started", "ended"]
    assert events[-1]["playedMs"] == 10


def test_after_an_underrun_it_goes_on_with_what_comes(javascript: JavaScript) -> None:
    events, found = play(
        javascript,
        ["fill", "a", ms(60)],
        ["render", 20],
        ["fill", "a", ms(60), 4_000],
        ["render", 20],
        ["end", "a"],
        ["render", 1],
    )
    assert [one["event"] for one in events] == ["started", "underrun", "underrun", "ended"]
    heard = [value for value in found["output"] if value]
    assert len(heard) == ms(120)
    assert [one["playedMs"] for one in events] == [0, 60, 120, 120]
    assert not found["playing"]


def test_the_position_is_that_of_the_item_that_plays_not_of_the_newest(javascript: JavaScript) -> None:
    steps = [["fill", "a", ms(200)], ["end", "a"], ["fill", "b", ms(200)], ["render", 20]]
    events, found = play(javascript, *steps)
    assert found["position"]["itemId"] == "a"
    assert found["position"]["playedMs"] == pytest.approx(20 * 128 / 24)
    events, found = play(javascript, *steps, ["render", 30])
    assert [(one["event"], one["itemId"]) for one in events] == [("started", "a"), ("ended", "a"), ("started", "b")]
    assert found["position"]["itemId"] == "b"
    assert found["position"]["playedMs"] == pytest.approx(50 * 128 / 24 - 200)


def test_an_item_that_is_followed_by_another_one_is_complete(javascript: JavaScript) -> None:
    events, found = play(javascript, ["fill", "a", ms(60)], ["fill", "b", ms(60)], ["render", 12])
    assert [(one["event"], one["itemId"]) for one in events] == [("started", "a"), ("ended", "a"), ("started", "b")]
    assert 0 not in found["output"][: ms(63)]  # without a gap between them


@pytest.mark.parametrize("rate", [24_000, 44_100, 48_000])
def test_barge_in_is_silent_within_50_ms_without_a_click(javascript: JavaScript, rate: int) -> None:
    before = 40
    events, found = play(javascript, ["fill", "a", ms(500)], ["render", before], ["stop"], ["render", 40], rate=rate)
    assert events[-1]["event"] == "stopped"
    assert events[-1]["playedMs"] == pytest.approx(before * 128 * 1000 / rate)
    rest = found["output"][before * 128 :]
    assert set(rest[round(rate * 0.006) :]) == {0}
    assert max(abs(one - other) for one, other in pairwise(found["output"][before * 128 - 1 :])) < 0.01
    assert found["position"] is None


def test_after_a_barge_in_the_next_answer_is_played(javascript: JavaScript) -> None:
    events, found = play(
        javascript, ["fill", "a", ms(200)], ["render", 4], ["stop"], ["fill", "b", ms(80), 2_000], ["render", 10]
    )
    assert [(one["event"], one["itemId"]) for one in events] == [("started", "a"), ("stopped", "a"), ("started", "b")]
    assert found["output"][-1] == pytest.approx(2_000 / 32_768, rel=0.01)
    assert play(javascript, ["stop"])[0] == []


def test_an_answer_of_more_than_ten_minutes_is_cut_and_said(javascript: JavaScript) -> None:
    events, _ = play(javascript, ["fill", "a", ms(600_000)], ["fill", "a", ms(10)])
    assert [one["event"] for one in events] == ["overflow"]


def test_at_another_rate_nothing_is_lost_at_the_seams(javascript: JavaScript) -> None:
    pieces = [
        ["append", "a", [round(16_000 * value) for value in tone(500, 24_000)[at : at + 480]]]
        for at in range(0, 2_400, 480)
    ]
    events, found = play(javascript, *pieces, ["end", "a"], ["render", 45], rate=48_000)
    assert events[-1]["event"] == "ended"
    assert events[-1]["playedMs"] == pytest.approx(100, abs=0.1)
    wanted = [16_000 / 32_768 * value for value in tone(500, 48_000)]
    assert (
        max(abs(one - other) for one, other in zip(found["output"][1_000:4_000], wanted[1_000:4_000], strict=True))
        < 0.005
    )
