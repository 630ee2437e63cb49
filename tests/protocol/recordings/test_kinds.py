from __future__ import annotations

from typing import Any

import pytest

from bridge.protocol.recordings.kinds import MomentCounter, frame_kind

APPEND = {"type": "input_audio_buffer.append", "audio": "[audio]"}


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "session.created"}, "session.created"),
        ({"type": "error", "error": {"code": "invalid_value"}}, "error invalid_value"),
        ({"type": "error", "error": {"code": None, "type": "server_error"}}, "error server_error"),
        ({"type": "error", "code": "RATE_LIMITED"}, "error RATE_LIMITED"),
        ({"type": "response.done", "response": {"status": "failed"}}, "response.done failed"),
        ({}, "(no type)"),
    ],
)
def test_a_kind_is_the_type_with_the_code_of_an_error_and_the_status_of_a_response(
    event: dict[str, Any], kind: str
) -> None:
    assert frame_kind(event) == kind


def test_a_binary_frame_is_audio() -> None:
    assert frame_kind({"audio": "[audio]"}, binary=True) == "audio"


def test_moments_are_counted_by_kind() -> None:
    moments = MomentCounter()
    names = [moments.feed({"type": kind}, from_client=False) for kind in ("error", "response.created", "error")]
    assert names == ["error (no code) 1", "response.created 1", "error (no code) 2"]


def test_of_the_pieces_of_an_answer_only_the_first_is_a_moment() -> None:
    moments = MomentCounter()
    delta = {"type": "response.output_audio.delta", "item_id": "item_1"}
    other = {"type": "response.output_audio.delta", "item_id": "item_2"}
    assert [moments.feed(one, from_client=False) for one in (delta, delta, other)] == [
        "response.output_audio.delta 1",
        "",
        "response.output_audio.delta 2",
    ]


def test_each_stretch_of_speech_is_one_moment() -> None:
    moments = MomentCounter()
    assert [moments.feed(APPEND, from_client=True) for _ in range(3)] == ["speech 1", "", ""]
    moments.other_sent({"type": "input_audio_buffer.committed"})
    assert moments.feed(APPEND, from_client=True) == "speech 2"
    moments.feed({"type": "input_audio_buffer.commit"}, from_client=True)
    assert moments.feed(APPEND, from_client=True) == "speech 3"


@pytest.mark.parametrize("kind", ["rate_limits.updated", "conversation.item.input_audio_transcription.completed"])
def test_nobody_waits_for_what_has_no_fixed_place(kind: str) -> None:
    assert MomentCounter().feed({"type": kind}, from_client=False) == ""
