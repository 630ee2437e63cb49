"""The dialects of the Realtime API: names of the same event in each, and how to detect a dialect.

The public service used BETA until 2026-05-12; self-hosted servers and Azure previews still do. GA replaced it.
TRANSLATION is a small set of events for translation sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bridge.protocol.dialects.facts import (
    AGENTS_SUBPROTOCOL_PREFIX,
    AZURE_MAX_SESSION_SECONDS,
    BETA_HEADER,
    BETA_SUBPROTOCOL,
    DIALECTS,
    GA_SUBPROTOCOL,
    KEY_SUBPROTOCOL_PREFIX,
    MAX_SESSION_SECONDS,
    PUBLIC_BASE_URL,
    AzureFacts,
    Dialect,
    DialectFacts,
    SecretLifetime,
    SessionKind,
    SessionKindFacts,
    browser_subprotocols,
    event_dialect,
    find_client_secret,
    find_secret_expiry,
    socket_query,
)

__all__ = [
    "AGENTS_SUBPROTOCOL_PREFIX",
    "AZURE_MAX_SESSION_SECONDS",
    "BETA_HEADER",
    "BETA_SUBPROTOCOL",
    "BETA_TO_GA",
    "DIALECTS",
    "GA_SUBPROTOCOL",
    "KEY_SUBPROTOCOL_PREFIX",
    "MAX_SESSION_SECONDS",
    "PUBLIC_BASE_URL",
    "AzureFacts",
    "DetectedDialect",
    "Dialect",
    "DialectFacts",
    "SecretLifetime",
    "SessionKind",
    "SessionKindFacts",
    "browser_subprotocols",
    "detect_dialect",
    "event_dialect",
    "find_client_secret",
    "find_secret_expiry",
    "socket_query",
    "translate_event_type",
]


BETA_TO_GA: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "response.text.delta": ("response.output_text.delta",),
        "response.text.done": ("response.output_text.done",),
        "response.audio.delta": ("response.output_audio.delta",),
        "response.audio.done": ("response.output_audio.done",),
        "response.audio_transcript.delta": ("response.output_audio_transcript.delta",),
        "response.audio_transcript.done": ("response.output_audio_transcript.done",),
        "conversation.item.created": ("conversation.item.added", "conversation.item.done"),
        "transcription_session.created": ("session.created",),
        "transcription_session.updated": ("session.updated",),
        "transcription_session.update": ("session.update",),
    }
)
"""Beta name to GA name(s). All other beta names are the same in GA."""

#: GA name to beta name(s). The beta has one event per item, when it is added, so `conversation.item.done` has no
#: counterpart. `session.*` is omitted: whether the beta calls it `transcription_session.*` depends on the session kind.
_BACK: Mapping[str, tuple[str, ...]] = {
    **{new[0]: (old,) for old, new in BETA_TO_GA.items() if not old.startswith("transcription_session.")},
    "conversation.item.done": (),
}
_BACK_IN_TRANSCRIPTION = {new[0]: (old,) for old, new in BETA_TO_GA.items() if old.startswith("transcription_session.")}

_NEW_IN_GA = frozenset(
    {
        "conversation.item.input_audio_transcription.segment",
        "input_audio_buffer.dtmf_event_received",
        "input_audio_buffer.timeout_triggered",
    }
)
_NEW_FAMILIES_IN_GA = ("mcp_list_tools.", "response.mcp_call.", "response.mcp_call_arguments.")
_TRANSLATION_ONLY = frozenset(
    {
        "session.close",
        "session.closed",
        "session.input_audio_buffer.append",
        "session.input_transcript.delta",
        "session.output_audio.delta",
        "session.output_transcript.delta",
    }
)
_SHARED_WITH_TRANSLATION = frozenset({"error", "session.created", "session.update", "session.updated"})


def translate_event_type(
    event_type: str, dialect: Dialect, kind: SessionKind = SessionKind.CONVERSATION
) -> tuple[str, ...]:
    """Return the name(s) of an event in a dialect: `()` if the dialect has none, the same name if it did not change.

    It accepts names of either dialect; unknown names are returned unchanged. `kind` matters only for the beta, which
    has other names in a transcription session.
    """
    if dialect is Dialect.TRANSLATION:
        return (event_type,) if event_type in _TRANSLATION_ONLY | _SHARED_WITH_TRANSLATION else ()
    if event_type in _TRANSLATION_ONLY:
        return ()
    if dialect is Dialect.GA:
        return BETA_TO_GA.get(event_type, (event_type,))
    if event_type in _NEW_IN_GA or event_type.startswith(_NEW_FAMILIES_IN_GA):
        return ()
    if kind is SessionKind.TRANSCRIPTION and event_type in _BACK_IN_TRANSCRIPTION:
        return _BACK_IN_TRANSCRIPTION[event_type]
    return _BACK.get(event_type, (event_type,))


@dataclass(frozen=True, slots=True)
class DetectedDialect:
    """What the first frame says about the server. None means that it does not say."""

    dialect: Dialect | None
    kind: SessionKind | None
    reason: str
    """What in the frame decided, or which kind of server this looks like, in words."""


_FIRST_FRAMES: Mapping[str, DetectedDialect] = {
    "transcription_session.created": DetectedDialect(
        Dialect.BETA, SessionKind.TRANSCRIPTION, "transcription_session.created exists in the beta dialect only"
    ),
    "conversation.created": DetectedDialect(
        None,
        SessionKind.CONVERSATION,
        "conversation.created came first: xAI-like, or an older server; the public API sends no such frame",
    ),
    "ping": DetectedDialect(None, None, "an application-level ping: Inworld-like; the Realtime API has no such event"),
    "session.started": DetectedDialect(
        None, None, "session.started belongs to the Live API, which is another protocol"
    ),
    "transcription.delta": DetectedDialect(
        None, SessionKind.TRANSCRIPTION, "transcription.delta: vLLM-like, transcription only, 16 kHz"
    ),
    "transcription.done": DetectedDialect(
        None, SessionKind.TRANSCRIPTION, "transcription.done: vLLM-like, transcription only, 16 kHz"
    ),
}
_KINDS_BY_TYPE: Mapping[object, SessionKind] = {
    facts.session_type: kind for kind, facts in DIALECTS[Dialect.GA].kinds.items() if facts.session_type
}
#: Fields that only one of the dialects has, with the types of their values (null is allowed in all).
_GA_FIELDS: Mapping[str, tuple[type, ...]] = {
    "audio": (Mapping,),
    "output_modalities": (list, tuple),
    "max_output_tokens": (int, str),
}
_BETA_FIELDS: Mapping[str, tuple[type, ...]] = {
    "modalities": (list, tuple),
    "input_audio_format": (str,),
    "output_audio_format": (str,),
    "input_audio_transcription": (Mapping,),
    "max_response_output_tokens": (int, str),
    "voice": (str, Mapping),
    "turn_detection": (Mapping,),
    "temperature": (int, float),
}
_SHAPES: Mapping[str, tuple[type, ...]] = {"type": (str,), "object": (str,), **_GA_FIELDS, **_BETA_FIELDS}


def detect_dialect(first_frame: Mapping[str, object]) -> DetectedDialect:
    """Detect dialect and kind of session from a server's first frame (inferred from recordings and specifications).

    Never raises: if the frame does not say, the fields are None and `reason` explains why.
    """
    event_type = first_frame.get("type")
    if not isinstance(event_type, str):
        return DetectedDialect(None, None, "the frame has no type: not a Realtime server")
    if event_type == "error":
        return _from_error(first_frame.get("error"))
    if event_type == "session.created":
        return _from_session(first_frame.get("session"))
    return _FIRST_FRAMES.get(event_type) or DetectedDialect(
        None, None, f"{event_type} is not a first event in any dialect"
    )


def _from_error(error: object) -> DetectedDialect:
    code = error.get("code") if isinstance(error, Mapping) else None
    if code == "beta_api_shape_disabled":
        return DetectedDialect(Dialect.GA, None, "the server refuses the beta shape, so it speaks GA")
    return DetectedDialect(None, None, "the server refused the connection before it sent a session")


def _from_session(session: object) -> DetectedDialect:
    fields: Mapping[object, object] = session if isinstance(session, Mapping) else {}
    unusual = next(
        (n for n, types in _SHAPES.items() if fields.get(n) is not None and not isinstance(fields[n], types)), ""
    )
    if unusual:
        return DetectedDialect(None, None, f"session.{unusual} has a value that no dialect uses")
    session_type = fields.get("type")
    if session_type == "translation":
        return DetectedDialect(Dialect.TRANSLATION, SessionKind.TRANSLATION, "session.type is translation")
    kind = _KINDS_BY_TYPE.get(session_type) if isinstance(session_type, str) else None
    kind = kind or (
        SessionKind.TRANSCRIPTION
        if fields.get("object") == "realtime.transcription_session"
        else SessionKind.CONVERSATION
    )
    if isinstance(session_type, str) and session_type in _KINDS_BY_TYPE:
        return DetectedDialect(Dialect.GA, kind, f"session.type is {session_type}")
    for dialect, markers in ((Dialect.GA, _GA_FIELDS), (Dialect.BETA, _BETA_FIELDS)):
        if present := [name for name in markers if name in fields]:
            return DetectedDialect(
                dialect, kind, f"the session has {' and '.join(f'session.{name}' for name in present[:2])}"
            )
    return DetectedDialect(None, None, "session.created without any audio configuration: vLLM-like")
