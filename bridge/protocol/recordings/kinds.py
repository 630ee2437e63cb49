"""What a recorded frame stands for: its kind, and the moments that the other side waits for.

Two sessions of the same conversation differ in ids, times, wording and the number of deltas. What they have in common
is the order of kinds: `session.created`, `error insufficient_quota`, `response.done failed`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from bridge.protocol.events.groups import SESSION_CREATED, SESSION_UPDATED

if TYPE_CHECKING:
    from collections.abc import Mapping

_APPENDS: Final = frozenset({"input_audio_buffer.append", "session.input_audio_buffer.append", "audio"})
#: What ends a stretch of speech, whichever side says it.
_SPEECH_ENDS: Final = frozenset(
    {
        *("input_audio_buffer.commit", "audio_commit", "input_audio_buffer.clear"),
        *("input_audio_buffer.speech_stopped", "input_audio_buffer.committed"),
    }
)
#: Events that come when they are ready, before or after what stands beside them.
_LOOSE: Final = ("rate_limits.updated", "conversation.item.input_audio_transcription.", "usage", "pong")
#: After these a client may send speech.
READINESS: Final = SESSION_CREATED | SESSION_UPDATED | {"connected", "session_ready", "reconnected"}
SPEECH: Final = "speech"
AUDIO: Final = "audio"


def frame_kind(event: Mapping[str, Any], *, binary: bool = False) -> str:
    """Return the kind of a frame: its type, for an error with its code, for the end of a response with its status."""
    kind = event.get("type")
    if not isinstance(kind, str):
        return AUDIO if binary else "(no type)"
    if kind == "error":
        inner = event.get("error")
        code = inner.get("code") or inner.get("type") if isinstance(inner, dict) else event.get("code")
        return f"error {code or '(no code)'}"
    if kind == "response.done":
        response = event.get("response")
        return f"response.done {response.get('status') if isinstance(response, dict) else ''}".rstrip()
    return kind


def is_speech(event: Mapping[str, Any], *, binary: bool = False) -> bool:
    """Whether it is a chunk of a client's speech."""
    return binary or event.get("type") in _APPENDS


def is_delta(kind: str) -> bool:
    """Whether it is one of many pieces, whose number differs from session to session."""
    return kind.endswith(".delta") or kind == AUDIO


def is_loose(kind: str) -> bool:
    """Whether it has no fixed place in the order."""
    return kind.startswith(_LOOSE)


class MomentCounter:
    """Names the moments of one side, in order: `response.created 2` is the second one.

    A moment is what the other side may have waited for: any event but the pieces of an answer, of which only the first
    counts, and of speech, of which only the first of each stretch does.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._streams: set[tuple[str, str]] = set()
        self._speaking = False

    def other_sent(self, event: Mapping[str, Any]) -> None:
        """Take note of what the other side sent: it may end a stretch of speech."""
        if event.get("type") in _SPEECH_ENDS:
            self._speaking = False

    def feed(self, event: Mapping[str, Any], *, binary: bool = False, from_client: bool) -> str:
        """Return the name of the moment; empty if it is none."""
        kind = frame_kind(event, binary=binary)
        if from_client and is_speech(event, binary=binary):
            if self._speaking:
                return ""
            self._speaking = True
            return self._named(SPEECH)
        if kind in _SPEECH_ENDS:
            self._speaking = False
        if is_loose(kind):
            return ""
        if is_delta(kind):
            stream = (kind, str(event.get("item_id") or event.get("response_id") or ""))
            if stream in self._streams:
                return ""
            self._streams.add(stream)
        return self._named(kind)

    def _named(self, kind: str) -> str:
        self._counts[kind] += 1
        return f"{kind} {self._counts[kind]}"
