"""Taking the content out of events: what was said, written or heard goes, the structure that a verdict needs stays.

A text becomes as many `x`, so that it is still known how long it was and whether deltas and final text agree in length.
Only strings of known, structural fields stay; of a field that nobody knows yet nothing is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.protocol.audio.pcm import bytes_to_ms, loudness
from bridge.protocol.dialects.detection import SessionKind
from bridge.protocol.events.fields import CLIENT_EVENTS, SERVER_EVENTS
from bridge.protocol.refusals.lookup import ERROR_CODES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.runner.redaction import Secrets

#: Stands for audio, whose length is told beside the event.
AUDIO_PLACEHOLDER = "[audio]"
#: Below this mean amplitude (of 32,768) nobody hears anything: dithered silence stays below it, a whisper does not.
_AUDIBLE = 8.0
#: Texts that are shown: a server's own words, cut to what a report may hold.
_LONGEST_SHOWN = 500
#: Words of the protocol, which are no secret even where a piece of one happens to look the same.
_WORDS = frozenset(
    {*ERROR_CODES, *map(str, SessionKind), "realtime.session", "realtime.transcription_session", "transcription_error"}
).union(*SERVER_EVENTS.values(), *CLIENT_EVENTS.values())
#: Fields whose strings say what a thing is, not what somebody said.
_STRUCTURE = frozenset(
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
        ),
    }
)


def is_structural_field(name: str) -> bool:
    """Whether the strings of this field say nothing that a person said."""
    return name in _STRUCTURE or name == "id" or name.endswith(("_id", "Id"))


def strip_content(event: Mapping[str, Any], secrets: Secrets) -> dict[str, Any]:
    """Give the event with every text and all audio taken out, and no secret in what is left."""
    return {str(name): _without(value, str(name), secrets) for name, value in event.items()}


def keep_content(event: Mapping[str, Any], secrets: Secrets) -> dict[str, Any]:
    """Give the event as it stood, only without secrets. Audio is left alone: nothing is found in it but by chance."""
    return {str(name): _hidden(value, str(name), secrets) for name, value in event.items()}


def is_silent(pcm: bytes) -> bool:
    """Whether there is nothing to hear in this piece of PCM16."""
    return loudness(pcm[: len(pcm) // 2 * 2]) < _AUDIBLE


def audio_ms(pcm: bytes) -> float:
    """How long a piece of PCM16 is; half a sample at its end does not count."""
    return bytes_to_ms(len(pcm) // 2 * 2)


def _without(value: Any, name: str, secrets: Secrets) -> Any:
    match value:
        case str() if value in _WORDS:
            return value
        case str() if is_structural_field(name):
            return secrets.excerpt(value, _LONGEST_SHOWN)
        case str():
            return AUDIO_PLACEHOLDER if name == "audio" and value else "x" * len(value)
        case dict():
            return {str(inner): _without(held, str(inner), secrets) for inner, held in value.items()}
        case list() | tuple():
            return [_without(held, name, secrets) for held in value]
        case _:
            return value


def _hidden(value: Any, name: str, secrets: Secrets) -> Any:
    match value:
        case str():
            return value if name == "audio" or value in _WORDS else secrets.redact(value)
        case dict():
            return {str(inner): _hidden(held, str(inner), secrets) for inner, held in value.items()}
        case list() | tuple():
            return [_hidden(held, name, secrets) for held in value]
        case _:
            return value
