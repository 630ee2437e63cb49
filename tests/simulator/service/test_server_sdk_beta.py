"""The beta dialect: the SDK's beta client gets the event names and shapes that it knows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from openai.types.beta.realtime import (
    ConversationItemCreatedEvent,
    ConversationItemInputAudioTranscriptionCompletedEvent,
    ErrorEvent,
    ResponseAudioTranscriptDoneEvent,
    ResponseDoneEvent,
    SessionCreatedEvent,
    SessionUpdatedEvent,
    TranscriptionSessionUpdatedEvent,
)
from websockets.sync.client import connect

from bridge.protocol.models import DEFAULT_MODEL
from bridge.simulator.embedded import simulator_in_thread
from bridge.simulator.settings import Settings
from tests.simulator.sdk_client import (
    SDK_DEPRECATION_FILTER,
    TIMEOUT_SECONDS,
    connect_sdk,
    connect_sdk_beta,
    question,
    sdk_client,
    send_audio,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bridge.simulator.embedded import RunningSimulator

#: A day on which the model that the SDK's beta types know was still served (2026-11-21).
THEN = 1_795_219_200.0

pytestmark = SDK_DEPRECATION_FILTER

BETA = {"OpenAI-Beta": "realtime=v1"}


@pytest.fixture
def until_may() -> Iterator[RunningSimulator]:
    """A simulator of the service as it was until May 2026: the header decides the dialect."""
    with simulator_in_thread(Settings(pace=50.0, dialect="both", unix_time=lambda: THEN)) as running:
        yield running


def first_frame(
    running: RunningSimulator, query: str, key: str = "", headers: Mapping[str, str] = BETA
) -> dict[str, Any]:
    credential = key or running.api_key.reveal()
    sent = {"Authorization": f"Bearer {credential}", **headers}
    with connect(f"{running.websocket_url}{query}", additional_headers=sent, open_timeout=TIMEOUT_SECONDS) as socket:
        return cast("dict[str, Any]", json.loads(socket.recv(timeout=TIMEOUT_SECONDS)))


def test_a_text_turn_has_the_old_names_and_none_of_the_new(until_may: RunningSimulator) -> None:
    with connect_sdk_beta(until_may) as sdk:
        sdk.connection.session.update(session={"modalities": ["text"]})
        part: Any = {"type": "input_text", "text": "Hello."}
        sdk.connection.conversation.item.create(item={"type": "message", "role": "user", "content": [part]})
        sdk.connection.response.create()
        done = sdk.until(ResponseDoneEvent)

    assert done.response.status == "completed"
    assert sdk.steps == [
        "session.created",
        "session.updated",
        "conversation.item.created",
        "response.created",
        "response.output_item.added",
        "conversation.item.created",
        "response.content_part.added",
        "response.text.delta",
        "response.text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    answer = cast("Any", (done.response.output or [])[0])
    assert [part.type for part in answer.content] == ["text"]


def test_the_session_is_flat(until_may: RunningSimulator) -> None:
    with connect_sdk_beta(until_may) as sdk:
        created = sdk.until(SessionCreatedEvent).session
        sdk.connection.session.update(session={"voice": "coral", "input_audio_format": "g711_ulaw"})
        updated = sdk.until(SessionUpdatedEvent).session
        sdk.connection.session.update(session=cast("Any", {"type": "realtime", "output_modalities": ["text"]}))
        error = sdk.until(ErrorEvent).error

    assert set(created.modalities or []) == {"audio", "text"}
    assert created.input_audio_format == "pcm16"
    assert (updated.voice, updated.input_audio_format) == ("coral", "g711_ulaw")
    assert (error.code, error.param) == ("unknown_parameter", "session.type")


def test_a_spoken_turn_is_answered_with_the_old_audio_events(until_may: RunningSimulator) -> None:
    with connect_sdk_beta(until_may) as sdk:
        send_audio(sdk.connection, question())
        sdk.until(ResponseDoneEvent)

    assert sdk.counts["response.audio.delta"] > 5
    assert sdk.counts["response.audio_transcript.done"] == 1
    assert sdk.of(ResponseAudioTranscriptDoneEvent)[0].transcript.startswith("I heard")
    assert sdk.counts["conversation.item.created"] == len(sdk.of(ConversationItemCreatedEvent)) == 2
    assert not [name for name in sdk.types if "output_audio" in name or name == "conversation.item.added"]


def test_without_the_header_it_is_ga(until_may: RunningSimulator) -> None:
    created = first_frame(until_may, f"?model={DEFAULT_MODEL}", headers={})

    assert created["session"]["type"] == "realtime"
    assert "audio" in created["session"]


def test_a_beta_server_answers_flat_without_any_header(realtime_simulator: RunningSimulator) -> None:
    query = f"?model={DEFAULT_MODEL}"
    created = first_frame(realtime_simulator, query, realtime_simulator.key_for("beta-server"), headers={})

    assert "modalities" in created["session"]
    assert "output_modalities" not in created["session"]


def test_a_transcription_session_begins_with_its_own_event(until_may: RunningSimulator) -> None:
    created = first_frame(until_may, "?intent=transcription")

    assert created["type"] == "transcription_session.created"
    assert created["session"]["object"] == "realtime.transcription_session"
    assert "input_audio_format" in created["session"]


def test_a_transcription_session_is_updated_by_its_own_event() -> None:
    sent: Any = {"input_audio_transcription": {"model": "gpt-4o-transcribe"}}
    settings = Settings(pace=50.0, dialect="both", unix_time=lambda: THEN)
    with simulator_in_thread(settings) as running, sdk_client(running) as client:
        minted = client.beta.realtime.transcription_sessions.create()
        address = f"{running.websocket_url}?intent=transcription"
        headers = {"Authorization": f"Bearer {minted.client_secret.value}", **BETA}
        with connect(address, additional_headers=headers) as socket:
            assert json.loads(socket.recv(timeout=TIMEOUT_SECONDS))["type"] == "transcription_session.created"
            socket.send(json.dumps({"type": "transcription_session.update", "session": sent}))
            frame = json.loads(socket.recv(timeout=TIMEOUT_SECONDS))
            updated = TranscriptionSessionUpdatedEvent.construct(**frame)

    assert updated.type == "transcription_session.updated"
    assert updated.session.input_audio_transcription is not None
    assert updated.session.input_audio_transcription.model == "gpt-4o-transcribe"


def test_speech_is_transcribed_in_the_old_dialect(until_may: RunningSimulator) -> None:
    with connect_sdk_beta(until_may) as sdk:
        sdk.connection.session.update(session={"input_audio_transcription": {"model": "whisper-1"}})
        send_audio(sdk.connection, question())
        completed = sdk.until(ConversationItemInputAudioTranscriptionCompletedEvent)

    assert completed.transcript.startswith("Simulated transcript")


def test_an_old_secret_opens_an_old_session_bound_to_what_it_was_minted_for(until_may: RunningSimulator) -> None:
    with sdk_client(until_may) as client:
        minted = client.beta.realtime.sessions.create(model="gpt-realtime", instructions="As in 2024.")
    with connect_sdk_beta(until_may, key=minted.client_secret.value) as sdk:
        created = sdk.until(SessionCreatedEvent).session

    assert created.instructions == "As in 2024."


def test_the_old_event_for_transcription_is_unknown_to_ga(realtime_simulator: RunningSimulator) -> None:
    """`transcription_session.update` exists in beta only; GA answers with a list of the types that it accepts."""
    with connect_sdk(realtime_simulator) as sdk:
        sdk.connection.send(cast("Any", {"type": "transcription_session.update", "session": {}}))
        sdk.next()
        error = cast("Any", sdk.next()).error

    assert (error.code, error.param) == ("invalid_value", "type")
    assert "'session.update'" in error.message
