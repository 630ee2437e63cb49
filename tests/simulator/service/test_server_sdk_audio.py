"""Spoken turns through the official SDK: turn detection, manual commit, interruption, truncation, transcription."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any, cast

import pytest
from openai.types.realtime import (
    ConversationItemAdded,
    ConversationItemInputAudioTranscriptionCompletedEvent,
    ConversationItemInputAudioTranscriptionDeltaEvent,
    ConversationItemInputAudioTranscriptionFailedEvent,
    ConversationItemTruncatedEvent,
    InputAudioBufferClearedEvent,
    InputAudioBufferCommittedEvent,
    InputAudioBufferSpeechStartedEvent,
    InputAudioBufferSpeechStoppedEvent,
    RateLimitsUpdatedEvent,
    RealtimeErrorEvent,
    ResponseAudioDeltaEvent,
    ResponseAudioTranscriptDeltaEvent,
    ResponseAudioTranscriptDoneEvent,
    ResponseCreatedEvent,
    ResponseDoneEvent,
    SessionCreatedEvent,
    SessionUpdatedEvent,
)

from bridge.protocol.audio.pcm import BYTES_PER_MS, loudness, silence
from bridge.simulator.embedded import simulator_in_thread
from bridge.simulator.settings import Settings
from tests.simulator.sdk_client import SDK_DEPRECATION_FILTER, SdkSession, connect_sdk, question, send_audio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openai.resources.realtime.realtime import RealtimeConnection

    from bridge.simulator.embedded import RunningSimulator

pytestmark = SDK_DEPRECATION_FILTER

#: The recorded order of a spoken turn under turn detection, a run of equal types as one, deltas left out.
SPOKEN_TURN = [
    "session.created",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]


@pytest.fixture
def slow_simulator() -> Iterator[RunningSimulator]:
    """A simulator whose responses are slow enough to be interrupted."""
    with simulator_in_thread(Settings(pace=5.0)) as running:
        yield running


def commit_manually(connection: RealtimeConnection) -> None:
    connection.session.update(session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})


def until_it_speaks(sdk: SdkSession[RealtimeConnection]) -> ResponseAudioDeltaEvent:
    """Request a long response and wait for its first audio delta."""
    part: Any = {"type": "input_text", "text": "Tell me everything about savings accounts. " * 4}
    sdk.connection.conversation.item.create(item={"type": "message", "role": "user", "content": [part]})
    sdk.connection.response.create()
    return sdk.until(ResponseAudioDeltaEvent)


def test_speech_is_detected_committed_and_answered_with_audio(realtime_simulator: RunningSimulator) -> None:
    with connect_sdk(realtime_simulator) as sdk:
        send_audio(sdk.connection, question())
        done = sdk.until(ResponseDoneEvent)
        sdk.until(RateLimitsUpdatedEvent)

    assert [name for name in sdk.types if not name.endswith("delta")] == SPOKEN_TURN
    started, stopped = sdk.of(InputAudioBufferSpeechStartedEvent)[0], sdk.of(InputAudioBufferSpeechStoppedEvent)[0]
    assert started.audio_start_ms < 150
    assert 3_100 < stopped.audio_end_ms < 3_600
    committed = sdk.of(InputAudioBufferCommittedEvent)[0]
    assert started.item_id == stopped.item_id == committed.item_id == sdk.of(ConversationItemAdded)[0].item.id
    pcm = b"".join(b64decode(event.delta) for event in sdk.of(ResponseAudioDeltaEvent))
    assert len(pcm) > 1_000 * BYTES_PER_MS
    assert loudness(pcm) > 200
    words = "".join(event.delta for event in sdk.of(ResponseAudioTranscriptDeltaEvent))
    assert words == sdk.of(ResponseAudioTranscriptDoneEvent)[0].transcript != ""
    assert done.response.status == "completed"


def test_a_manual_commit_is_answered_only_when_asked(realtime_simulator: RunningSimulator) -> None:
    with connect_sdk(realtime_simulator) as sdk:
        commit_manually(sdk.connection)
        send_audio(sdk.connection, question())
        sdk.connection.input_audio_buffer.commit()
        # The answer to an item that is not there comes behind everything that the commit causes at once.
        sdk.connection.conversation.item.retrieve(item_id="nothing")
        sdk.until(RealtimeErrorEvent)
        before = sdk.steps
        sdk.connection.response.create()
        done = sdk.until(ResponseDoneEvent).response

    assert before == [
        "session.created",
        "session.updated",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "error",
    ]
    assert sdk.counts["input_audio_buffer.speech_started"] == 0
    assert done.status == "completed"


def test_a_commit_of_less_than_100_ms_is_refused_and_a_cleared_buffer_is_empty(
    realtime_simulator: RunningSimulator,
) -> None:
    with connect_sdk(realtime_simulator) as sdk:
        commit_manually(sdk.connection)
        send_audio(sdk.connection, silence(400))
        sdk.connection.input_audio_buffer.clear()
        sdk.until(InputAudioBufferClearedEvent)
        send_audio(sdk.connection, silence(80))
        sdk.connection.input_audio_buffer.commit(event_id="too-soon")
        error = sdk.until(RealtimeErrorEvent).error

    assert (error.code, error.event_id) == ("input_audio_buffer_commit_empty", "too-soon")
    assert "100ms" in error.message
    assert "80.00ms" in error.message


def test_cancelling_while_it_speaks_closes_everything_that_was_open(slow_simulator: RunningSimulator) -> None:
    with connect_sdk(slow_simulator) as sdk:
        until_it_speaks(sdk)
        sdk.connection.response.cancel()
        response = sdk.until(ResponseDoneEvent).response
        sdk.connection.response.cancel(event_id="late")
        late = sdk.until(RealtimeErrorEvent).error

    assert response.status == "cancelled"
    assert response.status_details is not None
    assert response.status_details.reason == "client_cancelled"
    assert [name for name in sdk.types if name.endswith(".done")][-6:] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    assert (late.code, late.event_id) == ("response_cancel_not_active", "late")


def test_speaking_over_the_answer_cancels_it_and_is_answered_itself(slow_simulator: RunningSimulator) -> None:
    with connect_sdk(slow_simulator) as sdk:
        until_it_speaks(sdk)
        send_audio(sdk.connection, question())
        interrupted = sdk.until(ResponseDoneEvent).response
        speech_started = sdk.types.index("input_audio_buffer.speech_started")
        again = sdk.until(ResponseCreatedEvent).response

    assert interrupted.status == "cancelled"
    assert interrupted.status_details is not None
    assert interrupted.status_details.reason == "turn_detected"
    assert speech_started < sdk.types.index("response.done")
    assert again.id != interrupted.id


def test_speech_does_not_interrupt_if_the_session_forbids_it(slow_simulator: RunningSimulator) -> None:
    with connect_sdk(slow_simulator) as sdk:
        detection: Any = {"type": "server_vad", "interrupt_response": False, "create_response": False}
        sdk.connection.session.update(session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}})
        until_it_speaks(sdk)
        send_audio(sdk.connection, question())
        response = sdk.until(ResponseDoneEvent).response

    assert response.status == "completed"
    assert sdk.types.index("input_audio_buffer.speech_started") < sdk.types.index("response.done")
    assert sdk.counts["input_audio_buffer.committed"] == 1
    assert sdk.counts["response.created"] == 1


def test_an_answer_is_truncated_while_it_streams_but_not_after_its_end(slow_simulator: RunningSimulator) -> None:
    with connect_sdk(slow_simulator) as sdk:
        delta = until_it_speaks(sdk)
        item = sdk.connection.conversation.item
        item.truncate(item_id=delta.item_id, content_index=0, audio_end_ms=50)
        truncated = sdk.until(ConversationItemTruncatedEvent)
        item.truncate(item_id=delta.item_id, content_index=0, audio_end_ms=600_000)
        error = sdk.until(RealtimeErrorEvent).error

    assert (truncated.item_id, truncated.content_index, truncated.audio_end_ms) == (delta.item_id, 0, 50)
    assert error.code == "invalid_value"
    assert error.param == "audio_end_ms"


def test_the_voice_is_fixed_once_it_has_spoken(realtime_simulator: RunningSimulator) -> None:
    with connect_sdk(realtime_simulator) as sdk:
        until_it_speaks(sdk)
        voice: Any = {"output": {"voice": "cedar"}}
        sdk.connection.session.update(session={"type": "realtime", "audio": voice, "instructions": "Other."})
        error = sdk.until(RealtimeErrorEvent).error

    assert (error.code, error.param) == ("cannot_update_voice", "session.audio.output.voice")


def test_speech_in_a_conversation_is_transcribed_beside_the_answer(realtime_simulator: RunningSimulator) -> None:
    with connect_sdk(realtime_simulator) as sdk:
        audio: Any = {"input": {"transcription": {"model": "whisper-1"}}}
        sdk.connection.session.update(session={"type": "realtime", "audio": audio})
        send_audio(sdk.connection, question())
        completed = sdk.until(ConversationItemInputAudioTranscriptionCompletedEvent)

    deltas = sdk.of(ConversationItemInputAudioTranscriptionDeltaEvent)
    assert [event.delta for event in deltas] == [completed.transcript]
    assert completed.item_id == sdk.of(InputAudioBufferCommittedEvent)[0].item_id


def test_a_transcription_session_gives_deltas_and_then_the_whole(realtime_simulator: RunningSimulator) -> None:
    with connect_sdk(realtime_simulator, model=None, query={"intent": "transcription"}) as sdk:
        audio: Any = {"input": {"transcription": {"model": "gpt-4o-transcribe", "language": "en"}}}
        sdk.connection.session.update(session={"type": "transcription", "audio": audio})
        updated = cast("Any", sdk.until(SessionUpdatedEvent).session)
        send_audio(sdk.connection, question())
        completed = sdk.until(ConversationItemInputAudioTranscriptionCompletedEvent)

    created = cast("Any", sdk.of(SessionCreatedEvent)[0].session)
    assert created.type == updated.type == "transcription"
    assert created.audio.input.transcription is None
    assert updated.audio.input.transcription.model == "gpt-4o-transcribe"
    deltas = [event.delta or "" for event in sdk.of(ConversationItemInputAudioTranscriptionDeltaEvent)]
    assert len(deltas) > 1
    assert "".join(deltas) == completed.transcript
    assert completed.usage.type == "tokens"
    assert completed.usage.input_tokens == pytest.approx(31, abs=4)
    assert completed.usage.total_tokens == completed.usage.input_tokens + completed.usage.output_tokens
    assert sdk.counts["response.created"] == sdk.counts["rate_limits.updated"] == 0


def test_a_failed_transcription_reports_why_and_the_session_continues(realtime_simulator: RunningSimulator) -> None:
    key = realtime_simulator.key_for("failed-transcription")
    with connect_sdk(realtime_simulator, key=key, model=None, query={"intent": "transcription"}) as sdk:
        audio: Any = {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}
        sdk.connection.session.update(session={"type": "transcription", "audio": audio})
        send_audio(sdk.connection, question())
        failed = sdk.until(ConversationItemInputAudioTranscriptionFailedEvent)
        sdk.connection.session.update(session={"type": "transcription"})
        sdk.until(SessionUpdatedEvent)

    assert failed.error.code == "audio_unintelligible"
    assert failed.item_id == sdk.of(InputAudioBufferCommittedEvent)[0].item_id


def test_an_answer_in_a_transcription_session_is_refused(realtime_simulator: RunningSimulator) -> None:
    with connect_sdk(realtime_simulator, model=None, query={"intent": "transcription"}) as sdk:
        sdk.connection.response.create(event_id="why")
        error = sdk.until(RealtimeErrorEvent).error

    assert error.event_id == "why"
    assert sdk.counts["response.created"] == 0
