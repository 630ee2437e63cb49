"""How a response streams: the recorded order of its events, text or speech, at the behaviour's pace.

`stream` is a generator that sends as it goes and yields how long to wait before its next step; dropping it stops it.
"""

from __future__ import annotations

import binascii
import re
from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bridge.protocol.audio.g711 import pcm24k_to_alaw, pcm24k_to_ulaw
from bridge.protocol.audio.pcm import BYTES_PER_MS, ms_to_bytes
from bridge.simulator.session.behaviour import FIRST_DELTA_SECONDS
from bridge.simulator.session.conversation import ConversationItem
from bridge.simulator.session.reply_text import FunctionCall, TextReply, choose_reply
from bridge.simulator.session.response_objects import (
    RunningResponse,
    estimate_text_tokens,
    obfuscation_field,
    output_audio_tokens,
)
from bridge.simulator.session.updates import configured_voice, output_encoding
from bridge.simulator.session.voice import synthesize, word_timings

if TYPE_CHECKING:
    from bridge.simulator.session.state import SessionState

#: How much audio one delta carries, and how far apart text deltas come (about 60 tokens a second).
DELTA_MS = 100
_TEXT_DELTA_SECONDS = 1 / 60
StreamSteps = Generator[float, None, None]
_ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {"g711_ulaw": pcm24k_to_ulaw, "g711_alaw": pcm24k_to_alaw}


def stream_response(
    stage: SessionState, run: RunningResponse, context: list[ConversationItem], echo: Callable[[], bytes]
) -> StreamSteps:
    """Answer to these items: a function call, spoken words, or text."""
    answer = choose_reply(stage, run.settings, context)
    yield stage.paced(FIRST_DELTA_SECONDS)
    match answer:
        case FunctionCall(name, arguments):
            yield from _call(stage, run, name, arguments)
        case TextReply(text) if run.has_audio:
            pcm = echo() if stage.behaviour.reply == "echo" else b""
            yield from _speech(stage, run, "(echo)" if pcm else text, pcm)
        case TextReply(text):
            yield from _text(stage, run, text)


@dataclass(frozen=True, slots=True)
class _Part:
    """Where in a response the events of one content part belong."""

    response_id: str
    item_id: str
    output_index: int = 0
    content_index: int = 0

    def at(self) -> dict[str, Any]:
        return {
            "response_id": self.response_id,
            "item_id": self.item_id,
            "output_index": self.output_index,
            "content_index": self.content_index,
        }


@dataclass(slots=True)
class _Message:
    """An assistant message while it streams: says what it adds, and closes itself."""

    stage: SessionState
    run: RunningResponse
    item: ConversationItem
    part: _Part
    holds: Literal["text", "transcript"]
    said: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Send a delta of text or transcript."""
        name = "response.output_text.delta" if self.holds == "text" else "response.output_audio_transcript.delta"
        self.stage.send(name, **self.part.at(), delta=text, **obfuscation_field(self.stage, text))
        self.said.append(text)
        if not self.item.truncated:
            self.item.content[0][self.holds] += text

    def close(self, status: str) -> None:
        """Send every `.done` that this message owes; a cancelled response gets them too (recorded)."""
        self.run.close_open_item = None
        stage, place, said = self.stage, self.part.at(), "".join(self.said)
        if self.holds == "text":
            stage.send("response.output_text.done", **place, text=said)
        else:
            stage.send("response.output_audio.done", **place)
            stage.send("response.output_audio_transcript.done", **place, transcript=said)
        kind = "text" if self.holds == "text" else "audio"
        stage.send("response.content_part.done", **place, part={"type": kind, self.holds: said})
        _end(stage, self.run, self.item, status)


def _begin(stage: SessionState, run: RunningResponse, item: ConversationItem) -> None:
    """Open the output item, and with it the item of the conversation."""
    item.status = "in_progress"
    run.output.append(item)
    shown = item.as_json(beta=stage.is_beta)
    stage.send("response.output_item.added", response_id=run.id, output_index=len(run.output) - 1, item=shown)
    if run.in_conversation:
        run.previous_item_id = stage.conversation.add(item)
        name = "conversation.item.created" if stage.is_beta else "conversation.item.added"
        stage.send(name, previous_item_id=run.previous_item_id, item=shown)


def _end(stage: SessionState, run: RunningResponse, item: ConversationItem, status: str) -> None:
    """Close the output item."""
    item.status = status
    shown = item.as_json(beta=stage.is_beta)
    deleted = stage.conversation.get(item.id) is not item
    if run.in_conversation and not stage.is_beta and not deleted:
        stage.send("conversation.item.done", previous_item_id=run.previous_item_id, item=shown)
    stage.send("response.output_item.done", response_id=run.id, output_index=run.output.index(item), item=shown)


def _open_message(stage: SessionState, run: RunningResponse, holds: Literal["text", "transcript"]) -> _Message:
    """Open an assistant message with one part, text or speech."""
    item = ConversationItem(id=stage.new_id("item"), role="assistant")
    _begin(stage, run, item)
    item.content.append({"type": "output_text" if holds == "text" else "output_audio", holds: ""})
    message = _Message(stage, run, item, _Part(run.id, item.id, len(run.output) - 1), holds)
    run.close_open_item = message.close
    shown = {"type": "text" if holds == "text" else "audio", holds: ""}
    stage.send("response.content_part.added", **message.part.at(), part=shown)
    return message


def _text(stage: SessionState, run: RunningResponse, text: str) -> StreamSteps:
    message = _open_message(stage, run, "text")
    for word in _words(text):
        if not run.can_afford(estimate_text_tokens(word)):
            break
        message.add(word)
        run.usage.output_text += estimate_text_tokens(word)
        yield stage.paced(_TEXT_DELTA_SECONDS)
    message.close(_status(run))


def _speech(stage: SessionState, run: RunningResponse, text: str, pcm: bytes) -> StreamSteps:
    """Send transcript and audio interleaved, each word no later than its sound."""
    words = deque(zip(_words(text), (start for _, start, _ in word_timings(text)), strict=True))
    pcm = pcm or synthesize(text, str(configured_voice(stage, run.settings)))
    encoder = _ENCODERS.get(output_encoding(stage, run.settings), bytes)
    message = _open_message(stage, run, "transcript")
    stage.has_spoken = True
    size = ms_to_bytes(DELTA_MS)
    for start in range(0, len(pcm), size):
        ms = len(pcm[start : start + size]) / BYTES_PER_MS
        if not run.can_afford(output_audio_tokens(ms)):
            words.clear()
            break
        while words and words[0][1] * BYTES_PER_MS <= start:
            message.add(words.popleft()[0])
        chunk = pcm[start : start + size]
        sound = binascii.b2a_base64(encoder(chunk), newline=False).decode("ascii")
        stage.send("response.output_audio.delta", **message.part.at(), delta=sound)
        if not message.item.truncated:
            message.item.audio_ms += ms
        run.usage.output_audio += output_audio_tokens(ms)
        yield stage.paced(ms / 1000)
    for word, _ in words:
        message.add(word)
    message.close(_status(run))


def _call(stage: SessionState, run: RunningResponse, name: str, arguments: str) -> StreamSteps:
    """Call a function: the arguments come in pieces, then whole."""
    fields = {"call_id": stage.new_id("call"), "name": name, "arguments": ""}
    item = ConversationItem(id=stage.new_id("item"), type="function_call", fields=fields)
    _begin(stage, run, item)
    index = len(run.output) - 1
    place = {"response_id": run.id, "item_id": item.id, "output_index": index, "call_id": fields["call_id"]}

    def close(status: str) -> None:
        run.close_open_item = None
        named = {} if stage.is_beta else {"name": name}
        stage.send("response.function_call_arguments.done", **place, **named, arguments=fields["arguments"])
        _end(stage, run, item, status)

    run.close_open_item = close
    for piece in _pieces(arguments):
        if not run.can_afford(estimate_text_tokens(piece)):
            break
        run.usage.output_text += estimate_text_tokens(piece)
        stage.send("response.function_call_arguments.delta", **place, delta=piece)
        fields["arguments"] += piece
        yield stage.paced(_TEXT_DELTA_SECONDS)
    close(_status(run))


def _status(run: RunningResponse) -> str:
    """How an item ends that nobody cancelled."""
    return "incomplete" if run.hit_token_limit else "completed"


def _words(text: str) -> list[str]:
    """Split into words that keep the space behind them, so that joined they are the text again."""
    return re.findall(r"\S+\s*", text)


def _pieces(text: str, size: int = 8) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]
