"""The dialects of the Realtime API: facts, names for the same event, and how to tell one from its first frame.

BETA was spoken until 2026-05-12 and lives on in self-hosted servers and Azure previews; GA replaced it; TRANSLATION is
a small event family of its own beside GA. This is no client: nothing here opens a socket.
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
"""Beta name to GA name(s). Every other beta name is the same in GA."""

#: GA name to beta name(s). The beta tells of an item once, when it is added, so
#: `conversation.item.done` has no counterpart. `session.*` is left out: only the kind of session says whether the beta
#: would call it `transcription_session.*`.
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
    """Say under which name(s) a dialect sends this event: `()` when it has none, the same name where nothing changed.

    Works from either side and leaves alone what no dialect knows. `kind` only matters on the way back to the beta,
    which names a transcription session's events differently.
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
    """What a first frame gives away. None means that the frame does not say."""

    dialect: Dialect | None
    kind: SessionKind | None
    reason: str
    """Plain words: what in the frame decided, or what kind of server this looks like."""


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
#: Fields that only one of the dialects has, with what stands in them (null may stand in all).
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
    """Tell dialect and kind of session from the first frame a server sends (rule inferred from recordings and specs).

    Never raises: what says nothing gives None and the reason.
    """
    event_type = first_frame.get("type")
    if not isinstance(event_type, str):
        return DetectedDialect(None, None, "the frame has no type: not a Realtime server")
    if event_type == "error":
        return _from_error(first_frame.get("error"))
    if event_type == "session.created":
        return _from_session(first_frame.get("session"))
    return _FIRST_FRAMES.get(event_type) or DetectedDialect(
        None, None, f"{event_type} is no first event of any dialect"
    )


def _from_error(error: object) -> DetectedDialect:
    code = error.get("code") if isinstance(error, Mapping) else None
    if code == "beta_api_shape_disabled":
        return DetectedDialect(Dialect.GA, None, "it refuses the beta shape, so it speaks GA")
    return DetectedDialect(None, None, "refused before it showed its session")


def _from_session(session: object) -> DetectedDialect:
    fields: Mapping[object, object] = session if isinstance(session, Mapping) else {}
    odd = next(
        (n for n, types in _SHAPES.items() if fields.get(n) is not None and not isinstance(fields[n], types)), ""
    )
    if odd:
        return DetectedDialect(None, None, f"session.{odd} holds what no dialect puts there")
    named = fields.get("type")
    if named == "translation":
        return DetectedDialect(Dialect.TRANSLATION, SessionKind.TRANSLATION, "session.type is translation")
    kind = _KINDS_BY_TYPE.get(named) if isinstance(named, str) else None
    kind = kind or (
        SessionKind.TRANSCRIPTION
        if fields.get("object") == "realtime.transcription_session"
        else SessionKind.CONVERSATION
    )
    if isinstance(named, str) and named in _KINDS_BY_TYPE:
        return DetectedDialect(Dialect.GA, kind, f"session.type is {named}")
    for dialect, markers in ((Dialect.GA, _GA_FIELDS), (Dialect.BETA, _BETA_FIELDS)):
        if seen := [name for name in markers if name in fields]:
            return DetectedDialect(
                dialect, kind, f"the session has {' and '.join(f'session.{name}' for name in seen[:2])}"
            )
    return DetectedDialect(None, None, "session.created without any audio configuration: vLLM-like")
