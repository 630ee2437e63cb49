"""Fills a recording without content with content again, so that it can be sent: tracer audio, and valid JSON.

Audio becomes tracer audio of the same length, silence tracer silence: turn detection hears the turns that were
recorded, and the receiver can say what was lost of it. Arguments of functions become an empty object of the same
length. Text stays the `x`s that replace it.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from bridge.protocol.audio.pcm import ms_to_bytes
from bridge.protocol.audio.tracer import CELL_MS, TracerSource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.protocol.recordings.capture import CaptureEntry

#: What replaces audio in a file; its length stands beside it.
AUDIO_PLACEHOLDER: Final = "[audio]"
_ARGUMENTS_DELTA: Final = "response.function_call_arguments.delta"


class Filler:
    """Fills the frames of one side of a recording, in order. `caller` marks its tracer audio."""

    def __init__(self, entries: Iterable[CaptureEntry], *, caller: int) -> None:
        self._source = TracerSource(caller)
        self._rest = b""
        self._arguments = dict(_arguments(entries))

    def audio(self, entry: CaptureEntry) -> bytes:
        """Return PCM16 of the length of a frame's audio: tracer speech, or tracer silence where it was silent."""
        size = ms_to_bytes(entry.audio_ms)
        while len(self._rest) < size:
            self._rest += self._source.silence(CELL_MS) if entry.silent else self._source.speech(CELL_MS)
        pcm, self._rest = self._rest[:size], self._rest[size:]
        return pcm

    def event(self, entry: CaptureEntry) -> dict[str, Any]:
        """Return the event of a frame, with content in place of what was removed."""
        audio = b64encode(self.audio(entry)).decode() if _holds_audio(entry.event) else ""
        filled = {name: _filled(value, name, audio) for name, value in entry.event.items()}
        if entry.type == _ARGUMENTS_DELTA and _is_removed(delta := filled.get("delta")):
            item = str(filled.get("item_id"))
            text = self._arguments.get(item, "")
            filled["delta"], self._arguments[item] = text[: len(delta)], text[len(delta) :]
        return filled


def _arguments(entries: Iterable[CaptureEntry]) -> Iterable[tuple[str, str]]:
    """Yield what the deltas of each function call are to add up to."""
    for entry in entries:
        text = entry.event.get("arguments")
        if entry.type == "response.function_call_arguments.done" and _is_removed(text):
            yield str(entry.event.get("item_id")), _empty_object(len(text))


def _empty_object(length: int) -> str:
    return "{" + " " * (length - 2) + "}" if length >= len("{}") else "0" * length


def _is_removed(text: Any) -> TypeGuard[str]:
    return isinstance(text, str) and bool(text) and not text.strip("x")


def _holds_audio(value: Any) -> bool:
    match value:
        case dict():
            return any(_holds_audio(inner) for inner in value.values())
        case list():
            return any(map(_holds_audio, value))
        case _:
            return bool(value == AUDIO_PLACEHOLDER)


def _filled(value: Any, name: str, audio: str) -> Any:
    match value:
        case str() if value == AUDIO_PLACEHOLDER:
            return audio
        case str() if name == "arguments" and _is_removed(value):
            return _empty_object(len(value))
        case dict():
            return {inner: _filled(inner_value, inner, audio) for inner, inner_value in value.items()}
        case list():
            return [_filled(inner, name, audio) for inner in value]
        case _:
            return value
