"""How a response streams: its events in the recorded order, for text, speech or the call of a tool.

`stream_response` is a generator. It sends events as it runs and yields how many seconds to wait before the next step.
Closing the generator stops the stream.
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
from bridge.protocol.models import find_model
from bridge.simulator.session.behaviour import FIRST_DELTA_SECONDS
from bridge.simulator.session.conversation import ConversationItem
from bridge.simulator.session.mcp import ARGUMENTS, McpCall, needs_approval
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
    from bridge.simulator.session.state import McpTool, SessionState

#: How much audio one delta carries, and the interval between text deltas (about 60 tokens per second).
DELTA_MS = 100
_TEXT_DELTA_SECONDS = 1 / 60
StreamSteps = Generator[float, None, None]
#: What the assistant says before it answers or calls a tool, with commentary.
COMMENTARY = "One moment, I am looking into that."
_ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {"g711_ulaw": pcm24k_to_ulaw, "g711_alaw": pcm24k_to_alaw}


def stream_response(
    state: SessionState, response: RunningResponse, context: list[ConversationItem], echo: Callable[[], bytes]
) -> StreamSteps:
    """Respond to the items in `context` with the call of a tool, speech, or text. `echo` returns the audio to repeat.

    With commentary, one response has two items. A call begins before the commentary ends (recorded 2026-07); that an
    answer begins after it is inferred.
    """
    reply = choose_reply(state, response.settings, context)
    yield state.paced(FIRST_DELTA_SECONDS)
    commentary = None
    if state.behaviour.commentary:
        commentary = yield from _say(state, response, COMMENTARY, "commentary")
    if commentary is not None and isinstance(reply, TextReply):
        commentary.close(_status(response))
    if not response.hit_token_limit:
        yield from _reply(state, response, reply, echo, before_end=commentary)
    for close in tuple(response.open_items):
        close(_status(response))


def _reply(
    state: SessionState,
    response: RunningResponse,
    reply: TextReply | FunctionCall | McpTool,
    echo: Callable[[], bytes],
    before_end: _Message | None,
) -> StreamSteps:
    """Stream the answer or the call. `before_end` is what ends between the arguments of a call and its end."""
    if isinstance(reply, TextReply):
        pcm = echo() if response.has_audio and state.behaviour.reply == "echo" else b""
        message = yield from _say(state, response, "(echo)" if pcm else reply.text, "final_answer", pcm)
        message.close(_status(response))
        return
    if isinstance(reply, FunctionCall):
        close = yield from _call(state, response, reply)
    else:
        close = yield from _mcp_call(state, response, reply)
    if before_end is not None:
        before_end.close("completed")
    close(_status(response))


@dataclass(frozen=True, slots=True)
class _Part:
    """The content part that an event is about."""

    response_id: str
    item_id: str
    output_index: int = 0
    content_index: int = 0

    def location(self) -> dict[str, Any]:
        return {
            "response_id": self.response_id,
            "item_id": self.item_id,
            "output_index": self.output_index,
            "content_index": self.content_index,
        }


@dataclass(slots=True)
class _Message:
    """An assistant message being streamed. It sends an event for each piece added, and for its end."""

    state: SessionState
    response: RunningResponse
    item: ConversationItem
    part: _Part
    holds: Literal["text", "transcript"]
    previous_item_id: str | None
    pieces: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Send a delta of text or transcript."""
        name = "response.output_text.delta" if self.holds == "text" else "response.output_audio_transcript.delta"
        self.state.send(name, **self.part.location(), delta=text, **obfuscation_field(self.state, text))
        self.pieces.append(text)
        if not self.item.truncated:
            self.item.content[0][self.holds] += text

    def close(self, status: str) -> None:
        """Send all `.done` events of the message, as the service does even for a cancelled response (recorded)."""
        self.response.open_items.remove(self.close)
        state, location, text = self.state, self.part.location(), "".join(self.pieces)
        if self.holds == "text":
            state.send("response.output_text.done", **location, text=text)
        else:
            state.send("response.output_audio.done", **location)
            state.send("response.output_audio_transcript.done", **location, transcript=text)
        kind = "text" if self.holds == "text" else "audio"
        state.send("response.content_part.done", **location, part={"type": kind, self.holds: text})
        _end_item(state, self.response, self.item, self.previous_item_id, status)


def _start_item(state: SessionState, response: RunningResponse, item: ConversationItem) -> str | None:
    """Start an output item and, unless the response is out of band, the conversation item.

    Returns the id of the item before it in the conversation.
    """
    if item.status is not None:
        item.status = "in_progress"
    response.output.append(item)
    item_json = item.as_json(beta=state.is_beta)
    state.send(
        "response.output_item.added", response_id=response.id, output_index=len(response.output) - 1, item=item_json
    )
    if not response.in_conversation:
        return None
    previous = state.conversation.add(item)
    name = "conversation.item.created" if state.is_beta else "conversation.item.added"
    state.send(name, previous_item_id=previous, item=item_json)
    return previous


def _end_item(
    state: SessionState, response: RunningResponse, item: ConversationItem, previous: str | None, status: str
) -> None:
    """End an output item."""
    if item.status is not None:
        item.status = status
    item_json = item.as_json(beta=state.is_beta)
    deleted = state.conversation.get(item.id) is not item
    if response.in_conversation and not state.is_beta and not deleted:
        state.send("conversation.item.done", previous_item_id=previous, item=item_json)
    state.send(
        "response.output_item.done", response_id=response.id, output_index=response.output.index(item), item=item_json
    )


def _open_message(
    state: SessionState, response: RunningResponse, holds: Literal["text", "transcript"], phase: str
) -> _Message:
    """Start an assistant message with one content part, text or speech."""
    known = find_model(state.setup.model)
    has_phase = not state.is_beta and (state.behaviour.commentary or (known is not None and known.reasons))
    item = ConversationItem(id=state.new_id("item"), role="assistant", fields={"phase": phase} if has_phase else {})
    previous = _start_item(state, response, item)
    item.content.append({"type": "output_text" if holds == "text" else "output_audio", holds: ""})
    part = _Part(response.id, item.id, len(response.output) - 1)
    message = _Message(state, response, item, part, holds, previous)
    response.open_items.append(message.close)
    added = {"type": "text" if holds == "text" else "audio", holds: ""}
    state.send("response.content_part.added", **part.location(), part=added)
    return message


def _say(
    state: SessionState, response: RunningResponse, text: str, phase: str, pcm: bytes = b""
) -> Generator[float, None, _Message]:
    """Stream a message up to its end, spoken or written, and return it. `pcm` is what to speak instead of the text."""
    if response.has_audio:
        message = _open_message(state, response, "transcript", phase)
        yield from _speech(state, response, message, text, pcm)
    else:
        message = _open_message(state, response, "text", phase)
        yield from _text(state, response, message, text)
    return message


def _text(state: SessionState, response: RunningResponse, message: _Message, text: str) -> StreamSteps:
    for word in _words(text):
        if not response.can_afford(estimate_text_tokens(word)):
            break
        message.add(word)
        response.usage.output_text += estimate_text_tokens(word)
        yield state.paced(_TEXT_DELTA_SECONDS)


def _speech(state: SessionState, response: RunningResponse, message: _Message, text: str, pcm: bytes) -> StreamSteps:
    """Stream transcript and audio interleaved: each word comes no later than its audio."""
    words = deque(zip(_words(text), (start for _, start, _ in word_timings(text)), strict=True))
    pcm = pcm or synthesize(text, str(configured_voice(state, response.settings)))
    encoder = _ENCODERS.get(output_encoding(state, response.settings), bytes)
    state.has_spoken = True
    size = ms_to_bytes(DELTA_MS)
    for start in range(0, len(pcm), size):
        ms = len(pcm[start : start + size]) / BYTES_PER_MS
        if not response.can_afford(output_audio_tokens(ms)):
            words.clear()
            break
        while words and words[0][1] * BYTES_PER_MS <= start:
            message.add(words.popleft()[0])
        chunk = pcm[start : start + size]
        audio = binascii.b2a_base64(encoder(chunk), newline=False).decode("ascii")
        state.send("response.output_audio.delta", **message.part.location(), delta=audio)
        response.audio_from = state.now if response.audio_from is None else response.audio_from
        response.audio_ms += ms
        if not message.item.truncated:
            message.item.audio_ms += ms
        response.usage.output_audio += output_audio_tokens(ms)
        yield state.paced(ms / 1000)
    for word, _ in words:
        message.add(word)


def _call(
    state: SessionState, response: RunningResponse, call: FunctionCall
) -> Generator[float, None, Callable[[str], None]]:
    """Stream the arguments of a function call, and return what sends its end."""
    fields = {"call_id": state.new_id("call"), "name": call.name, "arguments": ""}
    item = ConversationItem(id=state.new_id("item"), type="function_call", fields=fields)
    previous = _start_item(state, response, item)
    location = {**_location(response, item), "call_id": fields["call_id"]}

    def close(status: str) -> None:
        response.open_items.remove(close)
        named = {} if state.is_beta else {"name": call.name}
        state.send("response.function_call_arguments.done", **location, **named, arguments=fields["arguments"])
        _end_item(state, response, item, previous, status)

    response.open_items.append(close)
    yield from _arguments(state, response, "response.function_call_arguments.delta", location, fields, call.arguments)
    return close


def _mcp_call(
    state: SessionState, response: RunningResponse, tool: McpTool
) -> Generator[float, None, Callable[[str], None]]:
    """Stream the arguments of an MCP call, and return what sends its end. The call itself runs after the response."""
    fields = {"server_label": tool.server_label, "name": tool.name, "arguments": ""}
    item = ConversationItem(id=state.new_id("item"), type="mcp_call", status=None, fields=fields)
    previous = _start_item(state, response, item)
    location = _location(response, item)

    def close(status: str) -> None:
        response.open_items.remove(close)
        state.send("response.mcp_call_arguments.done", **location, arguments=fields["arguments"])
        if status != "completed":
            return _end_item(state, response, item, previous, status)
        where = {"response_id": response.id, "output_index": location["output_index"]}
        state.send("response.output_item.done", **where, item=item.as_json(beta=False))
        call = McpCall(state, item, location["output_index"], previous)
        if needs_approval(response.settings.get("tools"), tool):
            request = call.ask()
            return _end_item(state, response, request, _start_item(state, response, request), status)
        return call.run()

    response.open_items.append(close)
    yield from _arguments(state, response, "response.mcp_call_arguments.delta", location, fields, ARGUMENTS)
    return close


def _location(response: RunningResponse, item: ConversationItem) -> dict[str, Any]:
    """Where the events of an item that was just added belong."""
    return {"response_id": response.id, "item_id": item.id, "output_index": len(response.output) - 1}


def _arguments(
    state: SessionState,
    response: RunningResponse,
    event_type: str,
    location: Mapping[str, Any],
    fields: dict[str, str],
    arguments: str,
) -> StreamSteps:
    """Stream arguments in pieces, and add each to the fields of the call."""
    for piece in _pieces(arguments):
        if not response.can_afford(estimate_text_tokens(piece)):
            break
        response.usage.output_text += estimate_text_tokens(piece)
        state.send(event_type, **location, delta=piece, **obfuscation_field(state, piece))
        fields["arguments"] += piece
        yield state.paced(_TEXT_DELTA_SECONDS)


def _status(response: RunningResponse) -> str:
    """The status of an item that was not cancelled."""
    return "incomplete" if response.hit_token_limit else "completed"


def _words(text: str) -> list[str]:
    """Split a text into words with their trailing spaces; joined, they are the text again."""
    return re.findall(r"\S+\s*", text)


def _pieces(text: str, size: int = 8) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]
