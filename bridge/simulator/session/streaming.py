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
from bridge.protocol.audio.pcm import BYTES_PER_MS, bytes_of
from bridge.simulator.session.behaviour import FIRST_DELTA_SECONDS
from bridge.simulator.session.conversation import Item
from bridge.simulator.session.reply_text import Call, Say, answer_to
from bridge.simulator.session.response_objects import Run, padding, spoken_tokens, tokens_of
from bridge.simulator.session.updates import output_encoding, voice_of
from bridge.simulator.session.voice import speak, word_timings

if TYPE_CHECKING:
    from bridge.simulator.session.state import Stage

#: How much audio one delta carries, and how far apart text deltas come (about 60 tokens a second).
DELTA_MS = 100
_TEXT_DELTA_SECONDS = 1 / 60
Steps = Generator[float, None, None]
_ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {"g711_ulaw": pcm24k_to_ulaw, "g711_alaw": pcm24k_to_alaw}


def stream(stage: Stage, run: Run, context: list[Item], echo: Callable[[], bytes]) -> Steps:
    """Answer to these items: a function call, spoken words, or text."""
    answer = answer_to(stage, run.settings, context)
    yield stage.paced(FIRST_DELTA_SECONDS)
    match answer:
        case Call(name, arguments):
            yield from _call(stage, run, name, arguments)
        case Say(text) if run.speaks:
            pcm = echo() if stage.behaviour.reply == "echo" else b""
            yield from _speech(stage, run, "(echo)" if pcm else text, pcm)
        case Say(text):
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

    stage: Stage
    run: Run
    item: Item
    part: _Part
    holds: Literal["text", "transcript"]
    said: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Send a delta of text or transcript."""
        name = "response.output_text.delta" if self.holds == "text" else "response.output_audio_transcript.delta"
        self.stage.send(name, **self.part.at(), delta=text, **padding(self.stage, text))
        self.said.append(text)
        if not self.item.truncated:
            self.item.content[0][self.holds] += text

    def close(self, status: str) -> None:
        """Send every `.done` that this message owes; a cancelled response gets them too (recorded)."""
        self.run.close_open = None
        stage, place, said = self.stage, self.part.at(), "".join(self.said)
        if self.holds == "text":
            stage.send("response.output_text.done", **place, text=said)
        else:
            stage.send("response.output_audio.done", **place)
            stage.send("response.output_audio_transcript.done", **place, transcript=said)
        kind = "text" if self.holds == "text" else "audio"
        stage.send("response.content_part.done", **place, part={"type": kind, self.holds: said})
        _end(stage, self.run, self.item, status)


def _begin(stage: Stage, run: Run, item: Item) -> None:
    """Open the output item, and with it the item of the conversation."""
    item.status = "in_progress"
    run.output.append(item)
    shown = item.shown(beta=stage.beta)
    stage.send("response.output_item.added", response_id=run.id, output_index=len(run.output) - 1, item=shown)
    if run.in_conversation:
        run.previous = stage.conversation.add(item)
        name = "conversation.item.created" if stage.beta else "conversation.item.added"
        stage.send(name, previous_item_id=run.previous, item=shown)


def _end(stage: Stage, run: Run, item: Item, status: str) -> None:
    """Close the output item."""
    item.status = status
    shown = item.shown(beta=stage.beta)
    deleted = stage.conversation.get(item.id) is not item
    if run.in_conversation and not stage.beta and not deleted:
        stage.send("conversation.item.done", previous_item_id=run.previous, item=shown)
    stage.send("response.output_item.done", response_id=run.id, output_index=run.output.index(item), item=shown)


def _open_message(stage: Stage, run: Run, holds: Literal["text", "transcript"]) -> _Message:
    """Open an assistant message with one part, text or speech."""
    item = Item(id=stage.new_id("item"), role="assistant")
    _begin(stage, run, item)
    item.content.append({"type": "output_text" if holds == "text" else "output_audio", holds: ""})
    message = _Message(stage, run, item, _Part(run.id, item.id, len(run.output) - 1), holds)
    run.close_open = message.close
    shown = {"type": "text" if holds == "text" else "audio", holds: ""}
    stage.send("response.content_part.added", **message.part.at(), part=shown)
    return message


def _text(stage: Stage, run: Run, text: str) -> Steps:
    message = _open_message(stage, run, "text")
    for word in _words(text):
        if not run.affords(tokens_of(word)):
            break
        message.add(word)
        run.spent.output_text += tokens_of(word)
        yield stage.paced(_TEXT_DELTA_SECONDS)
    message.close(_status(run))


def _speech(stage: Stage, run: Run, text: str, pcm: bytes) -> Steps:
    """Send transcript and audio interleaved, each word no later than its sound."""
    words = deque(zip(_words(text), (start for _, start, _ in word_timings(text)), strict=True))
    pcm = pcm or speak(text, str(voice_of(stage, run.settings)))
    encoder = _ENCODERS.get(output_encoding(stage, run.settings), bytes)
    message = _open_message(stage, run, "transcript")
    stage.spoke = True
    size = bytes_of(DELTA_MS)
    for start in range(0, len(pcm), size):
        ms = len(pcm[start : start + size]) / BYTES_PER_MS
        if not run.affords(spoken_tokens(ms)):
            words.clear()
            break
        while words and words[0][1] * BYTES_PER_MS <= start:
            message.add(words.popleft()[0])
        chunk = pcm[start : start + size]
        sound = binascii.b2a_base64(encoder(chunk), newline=False).decode("ascii")
        stage.send("response.output_audio.delta", **message.part.at(), delta=sound)
        if not message.item.truncated:
            message.item.audio_ms += ms
        run.spent.output_audio += spoken_tokens(ms)
        yield stage.paced(ms / 1000)
    for word, _ in words:
        message.add(word)
    message.close(_status(run))


def _call(stage: Stage, run: Run, name: str, arguments: str) -> Steps:
    """Call a function: the arguments come in pieces, then whole."""
    fields = {"call_id": stage.new_id("call"), "name": name, "arguments": ""}
    item = Item(id=stage.new_id("item"), type="function_call", fields=fields)
    _begin(stage, run, item)
    index = len(run.output) - 1
    place = {"response_id": run.id, "item_id": item.id, "output_index": index, "call_id": fields["call_id"]}

    def close(status: str) -> None:
        run.close_open = None
        named = {} if stage.beta else {"name": name}
        stage.send("response.function_call_arguments.done", **place, **named, arguments=fields["arguments"])
        _end(stage, run, item, status)

    run.close_open = close
    for piece in _pieces(arguments):
        if not run.affords(tokens_of(piece)):
            break
        run.spent.output_text += tokens_of(piece)
        stage.send("response.function_call_arguments.delta", **place, delta=piece)
        fields["arguments"] += piece
        yield stage.paced(_TEXT_DELTA_SECONDS)
    close(_status(run))


def _status(run: Run) -> str:
    """How an item ends that nobody cancelled."""
    return "incomplete" if run.cut_short else "completed"


def _words(text: str) -> list[str]:
    """Split into words that keep the space behind them, so that joined they are the text again."""
    return re.findall(r"\S+\s*", text)


def _pieces(text: str, size: int = 8) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]
