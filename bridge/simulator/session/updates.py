"""`session.update`: taken as a whole or not at all, refused with the recorded codes and `param` paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bridge.protocol.dialects.detection import SessionKind
from bridge.protocol.models import find_model
from bridge.protocol.schema.requests import SESSION_SCHEMAS
from bridge.protocol.schema.sessions import DEFAULT_VOICE, default_session, find_conflict, merge_update
from bridge.protocol.schema.validators import InvalidField, validate

if TYPE_CHECKING:
    from bridge.simulator.session.state import SessionState


def initial_config(stage: SessionState) -> dict[str, Any]:
    """Give the session object that `session.created` shows."""
    opening = stage.setup
    config = merge_update(default_session(opening.dialect, opening.kind, opening.model), dict(opening.config or {}))
    config["id"] = stage.session_id
    config["expires_at"] = stage.expires_at
    return config


def update_session(stage: SessionState, event: Mapping[str, Any]) -> None:
    """Take a `session.update` (or, in the beta dialect, a `transcription_session.update`)."""
    behaviour, opening = stage.behaviour, stage.setup
    session = event.get("session")
    if session is None:
        return stage.reject("missing_required_parameter", "Missing required parameter: 'session'.", "session")
    fault = validate(session, SESSION_SCHEMAS[opening.dialect, opening.kind], "session") or _state_fault(stage, session)
    if behaviour.confirm == "refuse":
        fault = InvalidField("unknown_parameter", "Unknown parameter: 'session.modalities'.", "session.modalities")
    if fault is not None:
        return stage.reject(fault.code, fault.message, fault.param)
    stage.config = merge_update(stage.config, session)
    if behaviour.confirm == "yes":
        send_updated(stage)
    return None


def send_updated(stage: SessionState) -> None:
    """Say what the session is now."""
    transcribing = stage.is_beta and stage.setup.kind is SessionKind.TRANSCRIPTION
    stage.send("transcription_session.updated" if transcribing else "session.updated", session=dict(stage.config))


def _state_fault(stage: SessionState, session: Mapping[str, Any]) -> InvalidField | None:
    """Find what this session, as it stands, can no longer change."""
    model = session.get("model")
    if model is not None and model != stage.setup.model and stage.setup.kind is SessionKind.CONVERSATION:
        return InvalidField("invalid_parameter", "The model of a session cannot be changed.", "session.model")
    path = "session.voice" if stage.is_beta else "session.audio.output.voice"
    voice = session.get("voice") if stage.is_beta else (_within(session, "audio", "output") or {}).get("voice")
    if stage.has_spoken and voice is not None and voice != configured_voice(stage):
        message = "Cannot update a conversation's voice if assistant audio is present."
        return InvalidField("cannot_update_voice", message, path)
    return find_conflict(stage.config, session)


def _within(value: Mapping[str, Any], *keys: str) -> Any:
    """Walk down nested objects; None where one is missing."""
    found: Any = value
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def read_setting(
    stage: SessionState, nested: tuple[str, ...], flat: str, settings: Mapping[str, Any] | None = None
) -> Any:
    """Read a value of these settings (the session's own by default), wherever this dialect keeps it."""
    source = stage.config if settings is None else settings
    return source.get(flat) if stage.is_beta else _within(source, *nested)


def configured_voice(stage: SessionState, settings: Mapping[str, Any] | None = None) -> Any:
    """The configured voice: a name, or an object with the `id` of a custom one."""
    return read_setting(stage, ("audio", "output", "voice"), "voice", settings) or DEFAULT_VOICE


def turn_detection(stage: SessionState) -> Mapping[str, Any] | None:
    """The configured turn detection; None when the client commits by itself."""
    found = read_setting(stage, ("audio", "input", "turn_detection"), "turn_detection")
    return found if isinstance(found, Mapping) else None


def transcription_model(stage: SessionState) -> str | None:
    """The model that transcribes what the user says; None when nothing does."""
    found = read_setting(stage, ("audio", "input", "transcription"), "input_audio_transcription")
    model = found.get("model") if isinstance(found, Mapping) else None
    if stage.setup.kind is SessionKind.TRANSCRIPTION and isinstance(found, Mapping):
        return str(model or "gpt-4o-transcribe")
    return str(model) if model and find_model(str(model)) else None


def input_encoding(stage: SessionState) -> str:
    """How incoming audio is coded: `pcm16`, `g711_ulaw` or `g711_alaw`."""
    return _encoding(read_setting(stage, ("audio", "input", "format"), "input_audio_format"))


def output_encoding(stage: SessionState, settings: Mapping[str, Any] | None = None) -> str:
    """How outgoing audio is coded."""
    return _encoding(read_setting(stage, ("audio", "output", "format"), "output_audio_format", settings))


_ENCODINGS = {"audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw", "g711_ulaw": "g711_ulaw", "g711_alaw": "g711_alaw"}


def _encoding(found: object) -> str:
    name = found.get("type") if isinstance(found, Mapping) else found
    return _ENCODINGS.get(str(name), "pcm16")
