"""Events of a server, made by hand: single ones, and the runs of them that belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from bridge.protocol.dialects.detection import BETA_TO_GA

if TYPE_CHECKING:
    from collections.abc import Iterable

Event: TypeAlias = dict[str, Any]


def event(kind: str, /, **fields: Any) -> Event:
    """An event without its id; `numbered` gives ids."""
    return {"type": kind, **fields}


def numbered(events: Iterable[Event]) -> tuple[Event, ...]:
    return tuple({"event_id": f"event_{number:03}", **entry} for number, entry in enumerate(events))


def session_created(kind: str = "realtime") -> Event:
    return event("session.created", session={"type": kind, "id": "sess_1"})


def item(item_id: str, role: str = "user", status: str = "completed") -> Event:
    return {"id": item_id, "type": "message", "role": role, "status": status, "content": []}


def call(item_id: str, call_id: str, status: str = "completed") -> Event:
    return {"id": item_id, "type": "function_call", "call_id": call_id, "name": "f", "arguments": "", "status": status}


def added(entry: Event, previous: str | None = None) -> list[Event]:
    """An item that is complete when it arrives."""
    return [
        event("conversation.item.added", previous_item_id=previous, item=entry),
        event("conversation.item.done", previous_item_id=previous, item=entry),
    ]


def created(response_id: str, conversation_id: str | None = "conv_1") -> Event:
    response: Event = {"id": response_id, "status": "in_progress", "output": [], "conversation_id": conversation_id}
    return event("response.created", response=response)


def done(response_id: str, status: str = "completed") -> Event:
    return event("response.done", response={"id": response_id, "status": status, "output": []})


def _placed(response_id: str, item_id: str, index: int = 0) -> Event:
    return {"response_id": response_id, "output_index": index, "item_id": item_id}


def written(
    response_id: str, item_id: str, words: Iterable[str], *, in_conversation: bool = True, index: int = 0
) -> list[Event]:
    """An output item of text."""
    words = list(words)
    at = {**_placed(response_id, item_id, index), "content_index": 0}
    return _output(
        response_id,
        item(item_id, "assistant", "in_progress"),
        item(item_id, "assistant"),
        [
            event("response.content_part.added", part={"type": "text", "text": ""}, **at),
            *(event("response.output_text.delta", delta=word, obfuscation="x", **at) for word in words),
            event("response.output_text.done", text="".join(words), **at),
            event("response.content_part.done", part={"type": "text", "text": "".join(words)}, **at),
        ],
        in_conversation=in_conversation,
        index=index,
    )


def spoken(response_id: str, item_id: str, words: Iterable[str], *, index: int = 0) -> list[Event]:
    """An output item of audio with its transcript."""
    words = list(words)
    at = {**_placed(response_id, item_id, index), "content_index": 0}
    stream = [
        entry
        for word in words
        for entry in (
            event("response.output_audio_transcript.delta", delta=word, **at),
            event("response.output_audio.delta", delta="AAAA", **at),
        )
    ]
    return _output(
        response_id,
        item(item_id, "assistant", "in_progress"),
        item(item_id, "assistant"),
        [
            event("response.content_part.added", part={"type": "audio", "transcript": ""}, **at),
            *stream,
            event("response.output_audio.done", **at),
            event("response.output_audio_transcript.done", transcript="".join(words), **at),
            event("response.content_part.done", part={"type": "audio", "transcript": "".join(words)}, **at),
        ],
        index=index,
    )


def called(response_id: str, item_id: str, call_id: str, pieces: Iterable[str], *, index: int = 0) -> list[Event]:
    """An output item that is a function call."""
    pieces = list(pieces)
    at = {**_placed(response_id, item_id, index), "call_id": call_id}
    deltas = [event("response.function_call_arguments.delta", delta=piece, **at) for piece in pieces]
    end = event("response.function_call_arguments.done", arguments="".join(pieces), name="f", **at)
    begun, ended = call(item_id, call_id, "in_progress"), call(item_id, call_id)
    return _output(response_id, begun, ended, [*deltas, end], index=index)


def _output(
    response_id: str,
    begun: Event,
    ended: Event,
    inside: list[Event],
    *,
    in_conversation: bool = True,
    index: int = 0,
) -> list[Event]:
    at = {"response_id": response_id, "output_index": index}
    item_added = [event("conversation.item.added", previous_item_id=None, item=begun)] if in_conversation else []
    item_done = [event("conversation.item.done", previous_item_id=None, item=ended)] if in_conversation else []
    return [
        event("response.output_item.added", item=begun, **at),
        *item_added,
        *inside,
        *item_done,
        event("response.output_item.done", item=ended, **at),
    ]


def heard(item_id: str, previous: str | None = None) -> list[Event]:
    """A turn that voice activity detection found."""
    return [
        event("input_audio_buffer.speech_started", audio_start_ms=100, item_id=item_id),
        event("input_audio_buffer.speech_stopped", audio_end_ms=900, item_id=item_id),
        *committed(item_id, previous),
    ]


def committed(item_id: str, previous: str | None = None) -> list[Event]:
    commit = event("input_audio_buffer.committed", item_id=item_id, previous_item_id=previous)
    return [commit, *added(item(item_id), previous)]


def transcribed(item_id: str, *words: str) -> list[Event]:
    name = "conversation.item.input_audio_transcription"
    deltas = [event(f"{name}.delta", item_id=item_id, content_index=0, delta=word) for word in words]
    end = event(f"{name}.completed", item_id=item_id, content_index=0, transcript="".join(words), usage={})
    return [*deltas, end]


LIMITS = event("rate_limits.updated", rate_limits=[])
UPDATED = event("session.updated", session={"type": "realtime"})

_BETA_NAMES = {new[0]: old for old, new in BETA_TO_GA.items() if old.startswith(("response.", "conversation."))}


def in_beta(events: Iterable[Event]) -> list[Event]:
    """The same session in the beta dialect: other names, one event per item, a flat session."""
    spoken_in_beta = [entry for entry in events if entry["type"] != "conversation.item.done"]
    named = [{**entry, "type": _BETA_NAMES.get(entry["type"], entry["type"])} for entry in spoken_in_beta]
    return [{**entry, "session": {"modalities": ["text"]}} if "session" in entry else entry for entry in named]
