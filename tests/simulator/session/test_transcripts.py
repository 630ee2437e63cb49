"""Transcripts of the user's speech."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.protocol.audio.pcm import silence
from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.simulator.session.behaviour import SessionBehaviour
from tests.simulator.session_harness import SimulatorHarness, error_of

NAME = "conversation.item.input_audio_transcription"


def transcribing(model: str = "gpt-4o-transcribe", **settings: Any) -> SimulatorHarness:
    """A transcription session with a manually committed turn of one second."""
    harness = SimulatorHarness(SessionKind.TRANSCRIPTION, **settings)
    audio = {"transcription": {"model": model}, "turn_detection": None}
    (updated,) = harness.send("session.update", session={"type": "transcription", "audio": {"input": audio}})
    assert updated["type"] == "session.updated"
    harness.append(silence(1_000))
    harness.send("input_audio_buffer.commit")
    return harness


def test_a_transcription_has_the_recorded_order_and_no_rate_limits() -> None:
    harness = transcribing()
    harness.run_until_idle()
    assert harness.types == [
        "session.created",
        "session.updated",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        f"{NAME}.delta",
        f"{NAME}.completed",
    ]


def test_the_deltas_make_the_transcript() -> None:
    harness = transcribing()
    harness.run_until_idle()
    done = harness.one(f"{NAME}.completed")
    deltas = harness.all(f"{NAME}.delta")
    assert done["transcript"] == "".join(event["delta"] for event in deltas)
    assert "1.0 seconds" in done["transcript"]
    assert len(deltas) > 3
    assert {event["item_id"] for event in [*deltas, done]} == {harness.one("input_audio_buffer.committed")["item_id"]}


@pytest.mark.parametrize("model", ["whisper-1", "gpt-transcribe", "gpt-live-transcribe", "gpt-realtime-whisper"])
def test_the_usage_of_these_models_is_whole_seconds(model: str) -> None:
    harness = transcribing(model)
    harness.run_until_idle()
    assert harness.one(f"{NAME}.completed")["usage"] == {"type": "duration", "seconds": 1}


@pytest.mark.parametrize("model", ["gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-mini-transcribe-2025-12-15"])
def test_the_usage_of_these_models_is_tokens(model: str) -> None:
    harness = transcribing(model)
    harness.run_until_idle()
    done = harness.one(f"{NAME}.completed")
    written = -(-len(done["transcript"]) // 4)
    assert done["usage"] == {
        "type": "tokens",
        "total_tokens": 10 + written,
        "input_tokens": 10,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 10},
        "output_tokens": written,
    }


def test_the_recorded_times_are_kept() -> None:
    harness = transcribing()
    committed = harness.now
    harness.run_until_idle()
    assert harness.at(f"{NAME}.delta") == pytest.approx(committed + 0.9)
    assert harness.at(f"{NAME}.completed") == pytest.approx(committed + 1.1)


def test_whisper_sends_its_text_in_one_delta() -> None:
    harness = transcribing("whisper-1")
    harness.run_until_idle()
    assert harness.one(f"{NAME}.delta")["delta"] == harness.one(f"{NAME}.completed")["transcript"]


def test_deltas_are_padded_as_recorded_unless_configured_otherwise() -> None:
    padded, plain = transcribing(), transcribing(behaviour=SessionBehaviour(obfuscation=False))
    assert padded.until(f"{NAME}.delta")["obfuscation"].isalpha()
    assert "obfuscation" not in plain.until(f"{NAME}.delta")


def test_a_failed_transcription_has_its_error_and_the_session_continues() -> None:
    harness = transcribing(behaviour=SessionBehaviour(transcription="fail"))
    harness.run_until_idle()
    failed = harness.one(f"{NAME}.failed")
    assert (failed["error"]["code"], failed["error"]["type"]) == ("audio_unintelligible", "transcription_error")
    assert harness.types[-1] == f"{NAME}.failed"
    assert harness.all("error") == []
    harness.append(silence(100))
    assert harness.send("input_audio_buffer.commit")[0]["type"] == "input_audio_buffer.committed"


def test_a_transcription_may_never_come() -> None:
    harness = transcribing(behaviour=SessionBehaviour(transcription="never"))
    assert harness.run_until_idle() == []


def test_nothing_is_transcribed_if_the_update_was_refused() -> None:
    harness = SimulatorHarness(SessionKind.TRANSCRIPTION)
    audio = {"transcription": {"model": "whisper-1"}, "format": {"type": "audio/pcm", "rate": 16_000}}
    answer = harness.send("session.update", session={"type": "transcription", "audio": {"input": audio}})
    assert error_of(answer) == ("integer_below_min_value", "session.audio.input.format.rate")
    harness.say()
    harness.run_until_idle()
    assert [name for name in harness.types if name.startswith(NAME)] == []


@pytest.mark.parametrize("dialect", [Dialect.GA, Dialect.BETA])
def test_a_conversation_is_transcribed_beside_its_responses(dialect: Dialect) -> None:
    harness = SimulatorHarness(dialect=dialect)
    transcription = {"model": "whisper-1"}
    nested = {"type": "realtime", "audio": {"input": {"transcription": transcription}}}
    flat = {"input_audio_transcription": transcription}
    harness.send("session.update", session=nested if dialect is Dialect.GA else flat)
    harness.say()
    harness.run_until_idle()
    assert harness.types.index("response.created") < harness.types.index(f"{NAME}.completed")
    assert harness.types.index(f"{NAME}.completed") < harness.types.index("response.done")
    item_id = harness.one(f"{NAME}.completed")["item_id"]
    (retrieved,) = harness.send("conversation.item.retrieve", item_id=item_id)
    assert retrieved["item"]["content"][0]["transcript"] == harness.one(f"{NAME}.completed")["transcript"]
