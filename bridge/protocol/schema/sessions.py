"""The session object: what `session.created` shows, and what an accepted update makes of it.

`requests.py` decides whether an update is valid, with one exception that depends on the session: a transcription model
without turn detection (`find_conflict`).
Defaults: recorded 2026-07 with `gpt-realtime` and `gpt-realtime-2.1`, 2026-09 with `gpt-realtime-mini` and in a
transcription session; beta from the OpenAPI of 2025-04.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.models import find_model
from bridge.protocol.schema.requests import NO_VAD_MODELS
from bridge.protocol.schema.validators import InvalidField

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

JsonObject: TypeAlias = dict[str, Any]

DEFAULT_VOICE = "alloy"
#: Voice and pause of models that reason (recorded for gpt-realtime-2.1, inferred for the others).
_REASONING_VOICE, _REASONING_SILENCE_MS = "marin", 500
DEFAULT_INSTRUCTIONS = "You are a voice assistant: answer in a few friendly, spoken sentences."
PCM_FORMAT: Mapping[str, Any] = {"type": "audio/pcm", "rate": 24_000}

_VAD: Mapping[str, Any] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
}
_ANSWERING: Mapping[str, Any] = {"create_response": True, "interrupt_response": True}

#: The fields of a union member if a client sends only its `type`.
_UNION_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "server_vad": {**_VAD, "idle_timeout_ms": None, **_ANSWERING},
    "semantic_vad": {"type": "semantic_vad", "eagerness": "auto", **_ANSWERING},
    "audio/pcm": PCM_FORMAT,
}
#: What an object holds beside what the client sends, when it is switched on. An update of it keeps what it leaves out.
_SWITCHED_ON: Mapping[str, Mapping[str, Any]] = {
    "transcription": {"language": None, "prompt": None},  # recorded 2026-07
    "input_audio_transcription": {"language": None, "prompt": None},  # recorded 2025-04, in the beta
    "noise_reduction": {"strength": 1.0},  # documented in the SDK types
}
_SWITCHED_ON_IN_TRANSLATION = {"noise_reduction": _SWITCHED_ON["noise_reduction"]}
#: Objects that an update replaces instead of merging: unions, and values that the client defines.
_REPLACED = frozenset({"turn_detection", "format", "tracing", "truncation", "tool_choice", "voice", "prompt"})
#: Turn detection fields that a session without responses does not have, and one that the beta does not have.
_NOT_IN_TRANSCRIPTION = frozenset({*_ANSWERING, "idle_timeout_ms"})
_NOT_IN_BETA = frozenset({"idle_timeout_ms"})


def default_session(dialect: Dialect, kind: SessionKind, model: str | None) -> JsonObject:
    """Return the `session` of `session.created`, without `id` and `expires_at`, which belong to one connection.

    `model` is the one in the URL; transcription sessions have none. KeyError for a kind that the dialect does not have.
    """
    return copy.deepcopy(_DEFAULTS[dialect, kind](model))


def merge_update(session: Mapping[str, Any], update: Mapping[str, Any]) -> JsonObject:
    """Return the session that `session.updated` shows. Objects are merged, lists and unions replaced.

    The arguments are not changed. Like the service, it completes a union member with its defaults:
    `{"type": "server_vad"}` comes back in full. Empty instructions bring back the default ones (recorded 2026-07).
    """
    merged = _merged(session, update, _completion_of(session))
    if merged.get("instructions") == "":
        merged["instructions"] = DEFAULT_INSTRUCTIONS
    if not _takes_turn_detection(merged):
        merged["audio"]["input"]["turn_detection"] = None
    return merged


def find_conflict(session: Mapping[str, Any], update: Mapping[str, Any]) -> InvalidField | None:
    """Return what is wrong with a valid update of this session: turn detection for a model that does not support it.

    Recorded 2026-05 and 2026-08: the service refuses any turn detection then, when minting too; omit it instead.
    """
    asked = update.get("audio", {}).get("input", {}).get("turn_detection")
    if asked is None or _takes_turn_detection(merge_update(session, update)):
        return None
    message = "Turn detection is not supported for this transcription model."
    return InvalidField("invalid_value", message, "session.audio.input.turn_detection")


def _takes_turn_detection(session: Mapping[str, Any]) -> bool:
    if session.get("type") != "transcription":
        return True
    transcription = session.get("audio", {}).get("input", {}).get("transcription") or {}
    return transcription.get("model") not in NO_VAD_MODELS


@dataclass(frozen=True, slots=True)
class _Completion:
    """With what a session completes the objects of an update."""

    unions: Mapping[str, Mapping[str, Any]]
    """The fields of a union member, by its `type`."""
    switched_on: Mapping[str, Mapping[str, Any]]
    """The fields of an object that was null before, by its name."""


def _completion_of(session: Mapping[str, Any]) -> _Completion:
    server_vad = {**_UNION_DEFAULTS["server_vad"], "silence_duration_ms": _silence_ms(session.get("model"))}
    unions = {
        kind: {name: value for name, value in fields.items() if name not in _absent_in(session)}
        for kind, fields in {**_UNION_DEFAULTS, "server_vad": server_vad}.items()
    }
    translates = session.get("type") == "translation"
    return _Completion(unions, _SWITCHED_ON_IN_TRANSLATION if translates else _SWITCHED_ON)


def _absent_in(session: Mapping[str, Any]) -> frozenset[str]:
    if session.get("object") == "realtime.transcription_session":
        return _NOT_IN_TRANSCRIPTION
    return frozenset() if "audio" in session else _NOT_IN_BETA


def _reasons(model: str | None) -> bool:
    known = find_model(model or "")
    return known is not None and known.reasons


def _silence_ms(model: str | None) -> int:
    return _REASONING_SILENCE_MS if _reasons(model) else int(_VAD["silence_duration_ms"])


def _voice(model: str | None) -> str:
    return _REASONING_VOICE if _reasons(model) else DEFAULT_VOICE


def _merged(old: Mapping[str, Any], new: Mapping[str, Any], completion: _Completion) -> JsonObject:
    merged = copy.deepcopy(dict(old))
    for name, value in new.items():
        merged[name] = _merged_field(name, merged.get(name), value, completion)
    return merged


def _merged_field(name: str, old: object, new: object, completion: _Completion) -> object:
    if not isinstance(new, dict):
        return copy.deepcopy(new)
    if name in _REPLACED:
        return copy.deepcopy({**completion.unions.get(str(new.get("type")), {}), **new})
    return _merged(old if isinstance(old, dict) else completion.switched_on.get(name, {}), new, completion)


def _ga_conversation(model: str | None) -> JsonObject:
    return {
        "type": "realtime",
        "object": "realtime.session",
        "model": model,
        "output_modalities": ["audio"],
        "instructions": DEFAULT_INSTRUCTIONS,
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "audio": {
            "input": {
                "format": PCM_FORMAT,
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": {**_UNION_DEFAULTS["server_vad"], "silence_duration_ms": _silence_ms(model)},
            },
            "output": {"format": PCM_FORMAT, "voice": _voice(model), "speed": 1.0},
        },
        "include": None,
    }


def _ga_transcription(_: str | None) -> JsonObject:
    heard = {"format": PCM_FORMAT, "transcription": None, "noise_reduction": None, "turn_detection": _VAD}
    return {
        "type": "transcription",
        "object": "realtime.transcription_session",
        "audio": {"input": heard},
        "include": None,
    }


def _beta_conversation(model: str | None) -> JsonObject:
    return {
        "object": "realtime.session",
        "model": model,
        "modalities": ["audio", "text"],
        "instructions": DEFAULT_INSTRUCTIONS,
        "voice": _voice(model),
        "speed": 1.0,
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_transcription": None,
        "input_audio_noise_reduction": None,
        "turn_detection": {**_VAD, "silence_duration_ms": _silence_ms(model), **_ANSWERING},
        "tools": [],
        "tool_choice": "auto",
        "temperature": 0.8,
        "max_response_output_tokens": "inf",
        "tracing": None,
        "prompt": None,
        "include": None,
    }


def _beta_transcription(_: str | None) -> JsonObject:
    return {
        "object": "realtime.transcription_session",
        "modalities": ["audio", "text"],
        "input_audio_format": "pcm16",
        "input_audio_transcription": None,
        "input_audio_noise_reduction": None,
        "turn_detection": _VAD,
        "include": None,
    }


def _translation(model: str | None) -> JsonObject:
    audio = {"input": {"transcription": None, "noise_reduction": None}, "output": {"language": None}}
    return {"type": "translation", "model": model, "audio": audio}


_DEFAULTS: Mapping[tuple[Dialect, SessionKind], Callable[[str | None], JsonObject]] = {
    (Dialect.GA, SessionKind.CONVERSATION): _ga_conversation,
    (Dialect.GA, SessionKind.TRANSCRIPTION): _ga_transcription,
    (Dialect.BETA, SessionKind.CONVERSATION): _beta_conversation,
    (Dialect.BETA, SessionKind.TRANSCRIPTION): _beta_transcription,
    (Dialect.TRANSLATION, SessionKind.TRANSLATION): _translation,
}
