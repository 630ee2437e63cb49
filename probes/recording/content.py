"""Removing the content from events: speech and text are removed, the structure that the verdict needs stays.

Text is replaced by as many `x`, so that its length and whether deltas and final text agree in length remain known.
Only strings of known, structural fields stay; the strings of unknown fields are removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.protocol.audio.pcm import bytes_to_ms, loudness
from bridge.protocol.dialects.detection import SessionKind
from bridge.protocol.events.fields import CLIENT_EVENTS, SERVER_EVENTS
from bridge.protocol.recordings.filler import AUDIO_PLACEHOLDER
from bridge.protocol.refusals.lookup import ERROR_CODES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.runner.redaction import Secrets

__all__ = ["AUDIO_PLACEHOLDER", "audio_ms", "is_silent", "is_structural_field", "keep_content", "strip_content"]

#: Mean amplitude (of 32,768) below which audio is inaudible: dithered silence stays below it, a whisper does not.
_AUDIBLE_LOUDNESS = 8.0
#: Structural strings, such as a server's error messages, are cut to this length.
_MAX_SHOWN = 500
#: Terms of the protocol, which are shown even if a part of one happens to equal a secret.
_PROTOCOL_TERMS = frozenset(
    {*ERROR_CODES, *map(str, SessionKind), "realtime.session", "realtime.transcription_session", "transcription_error"}
).union(*SERVER_EVENTS.values(), *CLIENT_EVENTS.values())
#: An id that names a person.
_CUSTOMER = "customerId"
#: Fields whose strings describe structure, not what a person said.
_STRUCTURAL_FIELDS = frozenset(
    {
        *("type", "object", "role", "status", "reason", "code", "param", "message", "name", "model", "voice", "phase"),
        *("modalities", "output_modalities", "include", "format", "input_audio_format", "output_audio_format"),
        *(
            "tool_choice",
            "truncation",
            "eagerness",
            "effort",
            "dialect",
            "kind",
            "timestamp",
            "cause",
            "refusal",
            "closeReason",
            "during",
            "turnDetection",
            "audioOut",
            "max_output_tokens",
            "max_response_output_tokens",
            "tracing",
            "language",
            "languages",
            "delay",
            "required",
        ),
    }
)


def is_structural_field(name: str) -> bool:
    """Whether the strings of this field are structure, not content."""
    return name in _STRUCTURAL_FIELDS or name == "id" or (name.endswith(("_id", "Id")) and name != _CUSTOMER)


def strip_content(event: Mapping[str, Any], secrets: Secrets) -> dict[str, Any]:
    """Return the event without text and audio, and without secrets in what is left."""
    return {str(name): _strip(value, str(name), secrets) for name, value in event.items()}


def keep_content(event: Mapping[str, Any], secrets: Secrets) -> dict[str, Any]:
    """Return the event with its content but without secrets. Audio is left alone: a match in it would be chance."""
    return {str(name): _hide_secrets(value, str(name), secrets) for name, value in event.items()}


def is_silent(pcm: bytes) -> bool:
    """Whether this PCM16 audio is inaudible."""
    return loudness(pcm[: len(pcm) // 2 * 2]) < _AUDIBLE_LOUDNESS


def audio_ms(pcm: bytes) -> float:
    """Return the length of PCM16 audio in ms; half a sample at its end does not count."""
    return bytes_to_ms(len(pcm) // 2 * 2)


def _strip(value: Any, name: str, secrets: Secrets) -> Any:
    match value:
        case str() if value in _PROTOCOL_TERMS:
            return value
        case str() if is_structural_field(name):
            return secrets.excerpt(value, _MAX_SHOWN)
        case str():
            return AUDIO_PLACEHOLDER if name == "audio" and value else "x" * len(value)
        case dict():
            return {str(inner): _strip(inner_value, str(inner), secrets) for inner, inner_value in value.items()}
        case list() | tuple():
            return [_strip(inner_value, name, secrets) for inner_value in value]
        case _:
            return value


def _hide_secrets(value: Any, name: str, secrets: Secrets) -> Any:
    match value:
        case str():
            return value if name == "audio" or value in _PROTOCOL_TERMS else secrets.redact(value)
        case dict():
            return {str(inner): _hide_secrets(inner_value, str(inner), secrets) for inner, inner_value in value.items()}
        case list() | tuple():
            return [_hide_secrets(inner_value, name, secrets) for inner_value in value]
        case _:
            return value
