"""The schemas of sessions and responses that a client sends, in every dialect. `validate` finds the first error.

The service drops an invalid `session.update` as a whole (recorded 2026-09), so the first error is enough.
`sessions.py` says what a session becomes, `shapes.py` how the two shapes map to each other, `items.py` has the items.
Source: OpenAPI of 2026-08 (GA, translation) and of 2025-04 (beta).

`null` is accepted where the OpenAPI description says so (turn detection and its `idle_timeout_ms`, tracing, prompt,
metadata), where clients in daily use send it (LiveKit: `response.instructions`, reasoning, noise reduction,
transcription), and where the service itself writes it into a session object (include, transcription language and
prompt). Elsewhere it is refused with `invalid_type`: reported for `audio.input.format` (openai-agents-python #2308) and
`turn_detection.create_response` (livekit/agents #3444), inferred for all other fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.schema.items import INPUT_SCHEMAS, ITEM_SCHEMAS
from bridge.protocol.schema.tools import BETA_TOOLS, GA_TOOLS
from bridge.protocol.schema.types import (
    AnyOf,
    AnyValue,
    Array,
    Boolean,
    Choice,
    Combination,
    Const,
    Integer,
    Nullable,
    Number,
    Object,
    OneOf,
    Schema,
    String,
    of_type,
)
from bridge.protocol.schema.validators import InvalidField, invalid_value, validate

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "INPUT_SCHEMAS",
    "ITEM_SCHEMAS",
    "MINT_SCHEMAS",
    "NO_VAD_MODELS",
    "RESPONSE_SCHEMAS",
    "SESSION_SCHEMAS",
    "TRANSCRIPTION_MODELS",
    "VOICES",
    "InvalidField",
    "invalid_value",
    "validate",
]

VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")

#: Models for `audio.input.transcription.model`.
TRANSCRIPTION_MODELS = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-live-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe",
    "gpt-4o-transcribe-diarize",
    "gpt-realtime-whisper",
)
#: Transcription models that refuse any turn detection.
NO_VAD_MODELS = frozenset({"gpt-live-transcribe", "gpt-realtime-whisper"})


_VOICE = AnyOf((Choice(VOICES), Object({"id": String()}, required=("id",))))
_MAX_TOKENS = AnyOf((Integer(1, 4096), Const("inf")))
_TEMPERATURE = Number(0.6, 1.2)
_INCLUDE = Nullable(Array(Choice(("item.input_audio_transcription.logprobs",))))
_PROMPT = Nullable(
    Object(
        {"id": String(), "version": Nullable(String()), "variables": Nullable(AnyValue("an object"))}, required=("id",)
    )
)
#: `none` is accepted by gpt-realtime-2 and its successors (pydantic-ai), and missing in the OpenAPI description.
_REASONING = Object({"effort": Choice(("none", "minimal", "low", "medium", "high", "xhigh"))})
_TRACING_FIELDS: Mapping[str, Schema] = {
    "group_id": String(),
    "workflow_name": String(),
    "metadata": AnyValue("an object"),
}
_TRACING = Nullable(AnyOf((Const("auto"), Object(_TRACING_FIELDS))))
_RETENTION = of_type(
    "retention_ratio",
    ("retention_ratio",),
    retention_ratio=Number(0, 1),
    token_limits=Object({"post_instructions": Integer(0)}),
)
_TRUNCATION = AnyOf((Choice(("auto", "disabled")), OneOf({"retention_ratio": _RETENTION})))

_GA_FORMAT = OneOf(
    {
        # Anything but 24 kHz is refused (recorded 2026-09: `integer_below_min_value` for 16000).
        "audio/pcm": of_type("audio/pcm", rate=Integer(24_000, 24_000)),
        "audio/pcmu": of_type("audio/pcmu"),
        "audio/pcma": of_type("audio/pcma"),
    }
)
_BETA_FORMAT = Choice(("pcm16", "g711_ulaw", "g711_alaw"))
_GA_MODALITIES = Combination("modalities", (("text",), ("audio",)))
_BETA_MODALITIES = Combination("modalities", (("text",), ("audio", "text")))

#: A session lasts at most 60 minutes, and so does a pause or padding in it. The service documents no limit.
_MAX_VAD_MS = 3_600_000
_VAD_FIELDS: Mapping[str, Schema] = {
    "threshold": Number(0, 1),
    "prefix_padding_ms": Integer(0, _MAX_VAD_MS),
    "silence_duration_ms": Integer(0, _MAX_VAD_MS),
    "create_response": Boolean(),
    "interrupt_response": Boolean(),
}
_SEMANTIC_VAD = of_type(
    "semantic_vad",
    eagerness=Choice(("low", "medium", "high", "auto")),
    create_response=Boolean(),
    interrupt_response=Boolean(),
)
_GA_SERVER_VAD = of_type("server_vad", idle_timeout_ms=Nullable(Integer(5_000, 30_000)), **_VAD_FIELDS)
_GA_TURN_DETECTION = Nullable(OneOf({"server_vad": _GA_SERVER_VAD, "semantic_vad": _SEMANTIC_VAD}))
_BETA_TURN_DETECTION = Nullable(
    OneOf({"server_vad": of_type("server_vad", **_VAD_FIELDS), "semantic_vad": _SEMANTIC_VAD})
)

_NOISE_TYPE = Choice(("near_field", "far_field"))
_GA_NOISE_FIELDS: Mapping[str, Schema] = {"type": _NOISE_TYPE, "strength": Number(0)}
_GA_NOISE = Nullable(Object(_GA_NOISE_FIELDS))
_BETA_NOISE = Nullable(Object({"type": _NOISE_TYPE}))
_BETA_TRANSCRIPTION_FIELDS: Mapping[str, Schema] = {
    "model": Choice(TRANSCRIPTION_MODELS),
    "language": Nullable(String()),
    "prompt": Nullable(String()),
}
_BETA_TRANSCRIPTION = Nullable(Object(_BETA_TRANSCRIPTION_FIELDS))
_GA_TRANSCRIPTION = Nullable(
    Object(
        {
            **_BETA_TRANSCRIPTION_FIELDS,
            "delay": Nullable(Choice(("minimal", "low", "medium", "high", "xhigh"))),
            "keywords": Nullable(Array(String())),
            "languages": Nullable(Array(String())),
        }
    )
)

_GA_INPUT = Object(
    {
        "format": _GA_FORMAT,
        "transcription": _GA_TRANSCRIPTION,
        "noise_reduction": _GA_NOISE,
        "turn_detection": _GA_TURN_DETECTION,
    }
)
_GA_OUTPUT = Object({"format": _GA_FORMAT, "voice": _VOICE, "speed": Number(0.25, 1.5)})


def _session_type(own: str, other: str) -> Const:
    """Make the schema of `session.type`. An update may not change the type (reported 2025-26)."""
    message = f"Passing a {other} session update event to a {own} session is not allowed."
    return Const(own, rejections={other: ("invalid_parameter", message)})


_GA_CONVERSATION = Object(
    {
        "type": _session_type("realtime", "transcription"),
        "model": String(),
        "instructions": String(),
        "output_modalities": _GA_MODALITIES,
        "audio": Object({"input": _GA_INPUT, "output": _GA_OUTPUT}),
        **GA_TOOLS,
        "parallel_tool_calls": Boolean(),
        "max_output_tokens": _MAX_TOKENS,
        "reasoning": Nullable(_REASONING),
        "tracing": _TRACING,
        "truncation": _TRUNCATION,
        "prompt": _PROMPT,
        "include": _INCLUDE,
    },
    required=("type",),
)
_GA_TRANSCRIPTION_SESSION = Object(
    {
        "type": _session_type("transcription", "realtime"),
        "audio": Object({"input": _GA_INPUT}),
        "include": _INCLUDE,
    },
    required=("type",),
)
_BETA_COMMON: Mapping[str, Schema] = {
    "modalities": _BETA_MODALITIES,
    "input_audio_format": _BETA_FORMAT,
    "input_audio_transcription": _BETA_TRANSCRIPTION,
    "input_audio_noise_reduction": _BETA_NOISE,
    "turn_detection": _BETA_TURN_DETECTION,
    "include": _INCLUDE,
    "client_secret": AnyValue("an object"),
}
_BETA_CONVERSATION = Object(
    {
        **_BETA_COMMON,
        "model": String(),
        "instructions": String(),
        "voice": Choice(VOICES),
        "speed": Number(0.25, 1.5),
        "output_audio_format": _BETA_FORMAT,
        **BETA_TOOLS,
        "temperature": _TEMPERATURE,
        "max_response_output_tokens": _MAX_TOKENS,
        "tracing": _TRACING,
        "prompt": _PROMPT,
    }
)
_TRANSLATION_FIELDS: Mapping[str, Schema] = {
    "audio": Object(
        {
            "input": Object(
                {
                    "transcription": Nullable(Object({"model": Choice(TRANSCRIPTION_MODELS)}, required=("model",))),
                    "noise_reduction": Nullable(Object(_GA_NOISE_FIELDS, required=("type",))),
                }
            ),
            "output": Object({"language": String()}),
        }
    )
}

#: The `session` of an update, by the socket it arrives on.
SESSION_SCHEMAS: Mapping[tuple[Dialect, SessionKind], Object] = {
    (Dialect.GA, SessionKind.CONVERSATION): _GA_CONVERSATION,
    (Dialect.GA, SessionKind.TRANSCRIPTION): _GA_TRANSCRIPTION_SESSION,
    (Dialect.BETA, SessionKind.CONVERSATION): _BETA_CONVERSATION,
    (Dialect.BETA, SessionKind.TRANSCRIPTION): Object(_BETA_COMMON),
    (Dialect.TRANSLATION, SessionKind.TRANSLATION): Object(_TRANSLATION_FIELDS),
}

#: The `session` of a mint request (beta: its whole body, checked with path ""). A translation must name its model.
MINT_SCHEMAS: Mapping[tuple[Dialect, SessionKind], Object] = {
    **SESSION_SCHEMAS,
    (Dialect.TRANSLATION, SessionKind.TRANSLATION): Object(
        {"model": String(), **_TRANSLATION_FIELDS}, required=("model",)
    ),
}

_RESPONSE_COMMON: Mapping[str, Schema] = {
    "instructions": Nullable(String()),
    "conversation": Choice(("auto", "none")),
    "metadata": Nullable(AnyValue("an object")),
}

#: The `response` of `response.create`; check it with path "response". A translation session has no responses.
RESPONSE_SCHEMAS: Mapping[Dialect, Object] = {
    Dialect.GA: Object(
        {
            **_RESPONSE_COMMON,
            **GA_TOOLS,
            "input": Array(INPUT_SCHEMAS[Dialect.GA]),
            "output_modalities": _GA_MODALITIES,
            "audio": Object({"output": Object({"format": _GA_FORMAT, "voice": _VOICE})}),
            "max_output_tokens": _MAX_TOKENS,
            "parallel_tool_calls": Boolean(),
            "reasoning": Nullable(_REASONING),
            "prompt": _PROMPT,
        }
    ),
    Dialect.BETA: Object(
        {
            **_RESPONSE_COMMON,
            **BETA_TOOLS,
            "input": Array(INPUT_SCHEMAS[Dialect.BETA]),
            "modalities": _BETA_MODALITIES,
            "voice": Choice(VOICES),
            "output_audio_format": _BETA_FORMAT,
            "temperature": _TEMPERATURE,
            "max_response_output_tokens": _MAX_TOKENS,
        }
    ),
}
