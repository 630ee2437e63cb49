from __future__ import annotations

import pytest

from probes.replay.comparison import SessionDifferences, compare

TURN = [
    "session.created",
    "session.updated",
    "response.created",
    "response.output_audio.delta",
    "response.done completed",
]


def test_the_same_is_the_same() -> None:
    assert compare(TURN, TURN).same


@pytest.mark.parametrize(
    "seen",
    [
        [*TURN[:3], *[TURN[3]] * 9, TURN[4]],
        [*TURN, "response.output_audio.delta"],
    ],
    ids=["other number of pieces", "other place of a piece"],
)
def test_pieces_of_an_answer_are_not_counted(seen: list[str]) -> None:
    assert compare(TURN, seen).same


def test_transcripts_and_rate_limits_have_no_fixed_place() -> None:
    loose = ["rate_limits.updated", "conversation.item.input_audio_transcription.completed"]
    assert compare([*loose, *TURN], [*TURN, *loose]).same


def test_what_did_not_come_is_missing_and_what_came_besides_is_extra() -> None:
    assert compare(TURN, [*TURN[:2], "error server_error"]) == SessionDifferences(
        missing=("response.created", "response.done completed", "response.output_audio.delta"),
        extra=("error server_error",),
    )


def test_what_came_elsewhere_is_moved() -> None:
    swapped = [TURN[1], TURN[0], *TURN[2:]]
    found = compare(TURN, swapped)
    assert (found.missing, found.extra, len(found.moved), found.same) == ((), (), 1, False)


def test_another_status_is_another_kind() -> None:
    found = compare(TURN, [*TURN[:-1], "response.done failed"])
    assert (found.missing, found.extra) == (("response.done completed",), ("response.done failed",))
