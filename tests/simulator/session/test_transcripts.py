"""Transcripts of what the user said."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.protocol.audio.pcm import silence
from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.simulator.session.behaviour import SessionBehaviour
from tests.simulator.session_harness import SimulatorHarness, error_of

NAME = "conversation.item.input_audio_transcription"


def transcribing(model: str = "gpt-4o-transcribe", **settings: Any) -> SimulatorHarness:
    """A transcription session with a turn of one second committed by hand."""
    player = SimulatorHarness(SessionKind.TRANSCRIPTION, **settings)
    audio = {"transcription": {"model": model}, "turn_detection": None}
    (updated,) = player.send("session.update", session={"type": "transcription", "audio": {"input": audio}})
    assert updated["type"] == "session.updated"
    player.append(silence(1_000))
    player.send("input_audio_buffer.commit")
    return player


def test_a_transcription_has_the_recorded_order_and_no_rate_limits() -> None:
    player = transcribing()
    player.run_until_idle()
    assert player.types == [
        "session.created",
        "session.updated",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        f"{NAME}.delta",
        f"{NAME}.completed",
    ]


def test_the_deltas_make_the_transcript() -> None:
    player = transcribing()
    player.run_until_idle()
    done = player.one(f"{NAME}.completed")
    deltas = player.all(f"{NAME}.delta")
    assert done["transcript"] == "".join(event["delta"] for event in deltas)
    assert "1.0 seconds" in done["transcript"]
    assert done["usage"] == {"type": "duration", "seconds": 1.0}
    assert len(deltas) > 3
    assert {event["item_id"] for event in [*deltas, done]} == {player.one("input_audio_buffer.committed")["item_id"]}


def test_the_recorded_times_are_kept() -> None:
    player = transcribing()
    committed = player.now
    player.run_until_idle()
    assert player.at(f"{NAME}.delta") == pytest.approx(committed + 0.9)
    assert player.at(f"{NAME}.completed") == pytest.approx(committed + 1.1)


def test_whisper_sends_its_text_in_one_delta() -> None:
    player = transcribing("whisper-1")
    player.run_until_idle()
    assert player.one(f"{NAME}.delta")["delta"] == player.one(f"{NAME}.completed")["transcript"]


def test_deltas_are_padded_as_recorded_unless_told_otherwise() -> None:
    padded, plain = transcribing(), transcribing(behaviour=SessionBehaviour(obfuscation=False))
    assert padded.until(f"{NAME}.delta")["obfuscation"].isalpha()
    assert "obfuscation" not in plain.until(f"{NAME}.delta")


def test_a_failed_transcription_says_why_and_ends_nothing() -> None:
    player = transcribing(behaviour=SessionBehaviour(transcription="fail"))
    player.run_until_idle()
    failed = player.one(f"{NAME}.failed")
    assert (failed["error"]["code"], failed["error"]["type"]) == ("audio_unintelligible", "transcription_error")
    assert player.types[-1] == f"{NAME}.failed"
    assert player.all("error") == []
    player.append(silence(100))
    assert player.send("input_audio_buffer.commit")[0]["type"] == "input_audio_buffer.committed"


def test_a_transcription_may_never_come() -> None:
    player = transcribing(behaviour=SessionBehaviour(transcription="never"))
    assert player.run_until_idle() == []


def test_nothing_is_transcribed_where_the_update_that_asks_for_it_was_refused() -> None:
    player = SimulatorHarness(SessionKind.TRANSCRIPTION)
    audio = {"transcription": {"model": "whisper-1"}, "format": {"type": "audio/pcm", "rate": 16_000}}
    answer = player.send("session.update", session={"type": "transcription", "audio": {"input": audio}})
    assert error_of(answer) == ("integer_below_min_value", "session.audio.input.format.rate")
    player.say()
    player.run_until_idle()
    assert [name for name in player.types if name.startswith(NAME)] == []


@pytest.mark.parametrize("dialect", [Dialect.GA, Dialect.BETA])
def test_a_conversation_is_transcribed_beside_its_responses(dialect: Dialect) -> None:
    player = SimulatorHarness(dialect=dialect)
    transcription = {"model": "whisper-1"}
    nested = {"type": "realtime", "audio": {"input": {"transcription": transcription}}}
    flat = {"input_audio_transcription": transcription}
    player.send("session.update", session=nested if dialect is Dialect.GA else flat)
    player.say()
    player.run_until_idle()
    assert player.types.index("response.created") < player.types.index(f"{NAME}.completed")
    assert player.types.index(f"{NAME}.completed") < player.types.index("response.done")
    item_id = player.one(f"{NAME}.completed")["item_id"]
    (retrieved,) = player.send("conversation.item.retrieve", item_id=item_id)
    assert retrieved["item"]["content"][0]["transcript"] == player.one(f"{NAME}.completed")["transcript"]
