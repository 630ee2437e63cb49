"""`session.update`: applied as a whole or not at all; errors have the recorded codes and `param` paths.

The second half reads settings of a session, wherever its dialect keeps them.
"""

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


def initial_config(state: SessionState) -> dict[str, Any]:
    """Return the session object of `session.created`."""
    setup = state.setup
    config = merge_update(default_session(setup.dialect, setup.kind, setup.model), dict(setup.config or {}))
    config["id"] = state.session_id
    config["expires_at"] = state.expires_at
    return config


def update_session(state: SessionState, event: Mapping[str, Any]) -> None:
    """Handle `session.update` or, in the beta dialect, `transcription_session.update`."""
    behaviour, setup = state.behaviour, state.setup
    session = event.get("session")
    if session is None:
        return state.reject("missing_required_parameter", "Missing required parameter: 'session'.", "session")
    invalid = validate(session, SESSION_SCHEMAS[setup.dialect, setup.kind], "session") or _unchangeable(state, session)
    if behaviour.confirm == "refuse":
        invalid = InvalidField("unknown_parameter", "Unknown parameter: 'session.modalities'.", "session.modalities")
    if invalid is not None:
        return state.reject(invalid.code, invalid.message, invalid.param)
    # The model is fixed when the session opens; an update that names another one applies without it (aimock, live).
    state.config = merge_update(state.config, {name: value for name, value in session.items() if name != "model"})
    if behaviour.confirm == "yes":
        send_updated(state)
    return None


def send_updated(state: SessionState) -> None:
    """Send `session.updated`, or its beta counterpart, with the whole session."""
    transcribing = state.is_beta and state.setup.kind is SessionKind.TRANSCRIPTION
    state.send("transcription_session.updated" if transcribing else "session.updated", session=dict(state.config))


def _unchangeable(state: SessionState, session: Mapping[str, Any]) -> InvalidField | None:
    """Return the error for a setting that this session can no longer change; None if there is none."""
    path = "session.voice" if state.is_beta else "session.audio.output.voice"
    voice = session.get("voice") if state.is_beta else (_nested(session, "audio", "output") or {}).get("voice")
    if state.has_spoken and voice is not None and voice != configured_voice(state):
        message = "Cannot update a conversation's voice if assistant audio is present."
        return InvalidField("cannot_update_voice", message, path)
    return find_conflict(state.config, session)


def _nested(value: Mapping[str, Any], *keys: str) -> Any:
    """Return a value in nested objects; None if one of them is missing."""
    found: Any = value
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def read_setting(
    state: SessionState, nested: tuple[str, ...], flat: str, settings: Mapping[str, Any] | None = None
) -> Any:
    """Read a value from settings, by default the session's: `nested` is its path in GA, `flat` its name in beta."""
    source = state.config if settings is None else settings
    return source.get(flat) if state.is_beta else _nested(source, *nested)


def configured_voice(state: SessionState, settings: Mapping[str, Any] | None = None) -> Any:
    """The configured voice: a name, or an object with the `id` of a custom voice."""
    return read_setting(state, ("audio", "output", "voice"), "voice", settings) or DEFAULT_VOICE


def turn_detection(state: SessionState) -> Mapping[str, Any] | None:
    """The configured turn detection; None if the client commits its turns itself."""
    found = read_setting(state, ("audio", "input", "turn_detection"), "turn_detection")
    return found if isinstance(found, Mapping) else None


def transcription_model(state: SessionState) -> str | None:
    """The model that transcribes the user's speech; None if transcription is off."""
    found = read_setting(state, ("audio", "input", "transcription"), "input_audio_transcription")
    model = found.get("model") if isinstance(found, Mapping) else None
    if state.setup.kind is SessionKind.TRANSCRIPTION and isinstance(found, Mapping):
        return str(model or "gpt-4o-transcribe")
    return str(model) if model and find_model(str(model)) else None


def input_encoding(state: SessionState) -> str:
    """The encoding of input audio: `pcm16`, `g711_ulaw` or `g711_alaw`."""
    return _encoding(read_setting(state, ("audio", "input", "format"), "input_audio_format"))


def output_encoding(state: SessionState, settings: Mapping[str, Any] | None = None) -> str:
    """The encoding of output audio, with the same values."""
    return _encoding(read_setting(state, ("audio", "output", "format"), "output_audio_format", settings))


_ENCODINGS = {"audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw", "g711_ulaw": "g711_ulaw", "g711_alaw": "g711_alaw"}


def _encoding(found: object) -> str:
    name = found.get("type") if isinstance(found, Mapping) else found
    return _ENCODINGS.get(str(name), "pcm16")
