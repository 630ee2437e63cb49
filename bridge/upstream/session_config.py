"""What a session shall be: a client's wish, the house's own choices and later updates, in the upstream's dialect.

Of two that say something about the same field the later wins: defaults, the wish, the client's updates, the house's own
fields. It judges nothing: the upstream does, and admission refuses what a client may not choose.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.core.session_updates import merge_config
from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.models import DEFAULT_MODEL
from bridge.protocol.schema.requests import NO_VAD_MODELS
from bridge.protocol.schema.shapes import (
    AUDIO_FORMATS,
    FLAT_ONLY_FIELDS,
    SESSION_TYPES,
    session_to_flat,
    session_to_nested,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Writes down the caller's speech in a conversation, so that a fresh session can be told what was said; takes turn
#: detection, which the newest transcription models do not.
INPUT_TRANSCRIPTION_MODEL = "gpt-transcribe"
#: The one that servers of the beta dialect know.
BETA_INPUT_TRANSCRIPTION_MODEL = "whisper-1"
#: A name is no letter to the model.
_MAX_NAME = 80

_PCM = AUDIO_FORMATS["pcm16"]
_DETECTION: Mapping[str, Mapping[str, Any] | None] = {
    "server_vad": {"type": "server_vad"},
    "semantic_vad": {"type": "semantic_vad"},
    "none": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """The house's part in every session. Names are those of `create_session`."""

    model: str = DEFAULT_MODEL
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """`voice`, `instructions`, `tools`, `turnDetection` for clients that say nothing about them."""
    enforced: Mapping[str, Any] = field(default_factory=dict)
    """The same, and `model`, against clients that say something else."""
    input_transcription_model: str | None = INPUT_TRANSCRIPTION_MODEL
    """None: the caller's speech is not written down, and its turns cannot be restored."""
    beta_input_transcription_model: str | None = BETA_INPUT_TRANSCRIPTION_MODEL

    def requested_kind(self, wish: Mapping[str, Any]) -> SessionKind:
        """Say what kind of session is wanted."""
        return SessionKind.TRANSCRIPTION if wish.get("kind") == "transcription" else SessionKind.CONVERSATION

    def requested_model(self, wish: Mapping[str, Any]) -> str:
        """Name the model of the socket's URL; a transcription session's own is not named there."""
        wanted = self.enforced.get("model") or wish.get("model")
        return wanted if isinstance(wanted, str) and wanted else self.model

    def build_session(
        self, dialect: Dialect, wish: Mapping[str, Any], updates: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Make the `session` of an update, nested for GA and flat for the beta."""
        kind = self.requested_kind(wish)
        flat = dialect is Dialect.BETA
        wanted = _wanted(self.defaults, wish)
        session = _in_shape(self._nested(wanted, kind, dialect), kind, flat=flat)
        session = merge_config(session, _in_shape(updates or {}, kind, flat=flat))
        session = merge_config(session, _in_shape(_fragment(self.enforced, kind), kind, flat=flat))
        if "model" in self.enforced:
            session.pop("model", None)
        return session if flat else {**session, "type": SESSION_TYPES[kind]}

    def build_mint_session(self, dialect: Dialect, wish: Mapping[str, Any]) -> dict[str, Any]:
        """Make the session that a secret is minted for: it names the conversation's model too."""
        session = self.build_session(dialect, wish)
        named = {"model": self.requested_model(wish)} if self.requested_kind(wish) is SessionKind.CONVERSATION else {}
        return {**session, **named}

    def build_update(self, dialect: Dialect, wish: Mapping[str, Any], updates: Mapping[str, Any]) -> dict[str, Any]:
        """Make the event that configures a session."""
        beta_transcription = dialect is Dialect.BETA and self.requested_kind(wish) is SessionKind.TRANSCRIPTION
        name = "transcription_session.update" if beta_transcription else "session.update"
        return {"type": name, "session": self.build_session(dialect, wish, updates)}

    def _nested(self, wish: Mapping[str, Any], kind: SessionKind, dialect: Dialect) -> dict[str, Any]:
        transcriber = self._transcriber(wish, kind, dialect)
        detection = {} if transcriber in NO_VAD_MODELS else {"turnDetection": "server_vad"}
        heard: dict[str, Any] = {"format": dict(_PCM)}
        if transcriber is not None:
            heard["transcription"] = {"model": transcriber}
        if transcriber in NO_VAD_MODELS and kind is SessionKind.TRANSCRIPTION:
            heard["turn_detection"] = None
        spoken = {"output": {"format": dict(_PCM)}} if kind is SessionKind.CONVERSATION else {}
        session = merge_config({"audio": {"input": heard, **spoken}}, _fragment({**detection, **wish}, kind))
        return _knowing_the_customer(session, wish, kind)

    def _transcriber(self, wish: Mapping[str, Any], kind: SessionKind, dialect: Dialect) -> str | None:
        default = self.beta_input_transcription_model if dialect is Dialect.BETA else self.input_transcription_model
        if kind is SessionKind.CONVERSATION:
            return default
        wanted = self.enforced.get("model") or wish.get("model")
        return wanted if isinstance(wanted, str) and wanted else default or INPUT_TRANSCRIPTION_MODEL


def _wanted(defaults: Mapping[str, Any], wish: Mapping[str, Any]) -> dict[str, Any]:
    return {**defaults, **{name: value for name, value in wish.items() if value is not None}}


#: What each field of a wish is in a nested session, for conversations and for transcriptions.
_FIELDS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "instructions": lambda text: {"instructions": text},
    "voice": lambda voice: {"audio": {"output": {"voice": voice}}},
    "tools": lambda tools: {"tools": tools},
    "turnDetection": lambda name: {"audio": {"input": {"turn_detection": _detection(name)}}},
}
_OF_TRANSCRIPTION = frozenset({"turnDetection"})


def _detection(name: object) -> dict[str, Any] | None:
    found = _DETECTION.get(str(name), _DETECTION["server_vad"])
    return None if found is None else dict(found)


def _fragment(wish: Mapping[str, Any], kind: SessionKind) -> dict[str, Any]:
    """Put the fields of a wish where they stand in a nested session."""
    made: dict[str, Any] = {}
    for name, place in _FIELDS.items():
        if name in wish and (kind is SessionKind.CONVERSATION or name in _OF_TRANSCRIPTION):
            made = merge_config(made, place(wish[name]))
    return made


def _knowing_the_customer(session: dict[str, Any], wish: Mapping[str, Any], kind: SessionKind) -> dict[str, Any]:
    """Tell the model whom it speaks with, where it has instructions: alone the line would replace the service's own."""
    name, instructions = wish.get("customerName"), session.get("instructions")
    if kind is not SessionKind.CONVERSATION or not instructions or not isinstance(name, str) or not name.strip():
        return session
    clean = "".join(mark if mark.isprintable() else " " for mark in name).strip()[:_MAX_NAME]
    return {**session, "instructions": f"{instructions}\n\nThe customer's name is {clean}."}


def _in_shape(session: Mapping[str, Any], kind: SessionKind, *, flat: bool) -> dict[str, Any]:
    """Bring a session, or a part of one, into the wanted shape."""
    is_flat = any(name in FLAT_ONLY_FIELDS for name in session)
    if flat and not is_flat:
        return session_to_flat(session).fields
    if not flat and is_flat:
        return session_to_nested(session, kind).fields
    return dict(session)
