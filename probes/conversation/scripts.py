"""The scripts: what is said in a session so that its events show themselves. Each runs alike on a service and a bridge.

A script only says and waits; which events must have come of it stands beside it as data, by GA's names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bridge.protocol.audio.wav import read_wav
from bridge.protocol.dialects.detection import Kind
from probes.voice.voice_client import Wish

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from probes.conversation.conversation import Conversation

#: The function that is called. Its answer is made up, and says so.
TOOL: Mapping[str, Any] = {
    "type": "function",
    "name": "opening_hours",
    "description": "Tells when a shop is open.",
    "parameters": {
        "type": "object",
        "properties": {"day": {"type": "string", "description": "A day of the week."}},
        "required": ["day"],
    },
}
_TOOL_OUTPUT = '{"open": "09:00", "close": "18:00", "note": "made up by a test"}'
_BRIEFLY = "You are being tested. Answer in one short sentence."
#: How much of the answer is played before it is interrupted.
_BARGE_IN_MS = 300.0

ITEM = ("conversation.item.added", "conversation.item.done")
_RESPONSE = ("response.created", "response.output_item.added", "response.output_item.done", "response.done")
_PART = ("response.content_part.added", "response.content_part.done")
TEXT = (*_RESPONSE, *_PART, "response.output_text.delta", "response.output_text.done")
SOUND = (
    *(*_RESPONSE, *_PART, "response.output_audio.delta", "response.output_audio.done"),
    *("response.output_audio_transcript.delta", "response.output_audio_transcript.done"),
)
_DETECTED = ("input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped")
_COMMITTED = ("input_audio_buffer.committed",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One script. `play` raises what a Conversation does."""

    name: str
    summary: str
    wish: Wish
    play: Callable[[Conversation], Awaitable[None]]
    seconds: float
    """What it may last when everything answers in time."""
    waits: int
    """How often an answer may take as long as the time-out says."""
    answers: int = 1
    """Answers that it asks for."""
    expects: tuple[str, ...] = ()
    """Events that must come, beside those of every answer; a beta server's are the same under its own names."""
    calls: bool = False
    """A function has to be called."""
    interrupts: bool = False
    """The first answer is cancelled by the script itself."""

    @property
    def listens(self) -> bool:
        """Whether anything is spoken, so that there is something to write down."""
        return any(name in self.expects for name in _COMMITTED)


@cache
def question() -> bytes:
    """Give the recorded sentence, PCM16 24 kHz mono."""
    return read_wav(files("probes").joinpath("data/question.wav").read_bytes()).pcm


async def _text(talk: Conversation) -> None:
    await talk.ask("Please say that you can read this.")
    await talk.answer()


async def _audio(talk: Conversation) -> None:
    await talk.speak(question())
    await talk.answer()
    await talk.transcripts()


async def _manual(talk: Conversation) -> None:
    await talk.speak(question(), commit=True)
    await talk.answer()
    await talk.transcripts()


async def _transcription(talk: Conversation) -> None:
    await talk.speak(question())
    await talk.transcripts()


async def _function(talk: Conversation) -> None:
    content = [{"type": "input_text", "text": "When are you open on Mondays? Look it up."}]
    item = {"type": "message", "role": "user", "content": content}
    await talk.say({"type": "conversation.item.create", "item": item})
    await talk.say({"type": "response.create", "response": {"tool_choice": "required"}})
    await talk.turn_over()
    called = await talk.answer()
    for call_id, _ in called.calls[:1]:
        await talk.speaker.answer_tool(call_id, _TOOL_OUTPUT)
        await talk.answer()


async def _interrupt(talk: Conversation) -> None:
    await talk.ask("Please count slowly from one to sixty, all in words.")
    await talk.playing(_BARGE_IN_MS)
    await talk.interrupt()
    await talk.answer(cut=True)
    await talk.confirmed("conversation.item.truncated")
    await talk.ask("Thank you. Please say goodbye.")
    await talk.answer()


async def _long(talk: Conversation) -> None:
    await talk.speak(question())
    await talk.answer()
    await talk.transcripts()
    await talk.ask("Please tell me a story of about sixty words, on any subject that you like.")
    await talk.answer()
    for item in talk.account.user_items[-1:]:
        await talk.say({"type": "conversation.item.retrieve", "item_id": item})
        await talk.confirmed("conversation.item.retrieved")
        await talk.say({"type": "conversation.item.delete", "item_id": item})
        await talk.confirmed("conversation.item.deleted")
    await talk.ask("Thank you. Please say goodbye.")
    await talk.answer()


_BRIEF = Wish(instructions=_BRIEFLY)
_SPEECH = (*_DETECTED, *_COMMITTED, *ITEM)

_ALL = (
    Script(
        name="text",
        summary="a typed question, an answer in text",
        wish=Wish(spoken=False, transcribe=False, instructions=_BRIEFLY),
        play=_text,
        seconds=30,
        waits=3,
        expects=ITEM,
    ),
    Script(
        name="audio",
        summary="a spoken question, its end detected by the server, a spoken answer and a transcript",
        wish=_BRIEF,
        play=_audio,
        seconds=60,
        waits=4,
        expects=_SPEECH,
    ),
    Script(
        name="manual",
        summary="a spoken question without turn detection, committed by hand",
        wish=Wish(turn_detection=None, instructions=_BRIEFLY),
        play=_manual,
        seconds=60,
        waits=4,
        expects=(*_COMMITTED, *ITEM),
    ),
    Script(
        name="transcription",
        summary="a spoken sentence in a transcription session, written down and not answered",
        wish=Wish(kind=Kind.TRANSCRIPTION),
        play=_transcription,
        seconds=30,
        waits=3,
        answers=0,
        expects=_SPEECH,
    ),
    Script(
        name="function",
        summary="a function is called, its result given, and the answer made of it",
        wish=Wish(spoken=False, transcribe=False, tools=(TOOL,), instructions=_BRIEFLY),
        play=_function,
        seconds=60,
        waits=4,
        answers=2,
        expects=(*ITEM, "response.function_call_arguments.delta", "response.function_call_arguments.done"),
        calls=True,
    ),
    Script(
        name="interrupt",
        summary="a spoken answer is interrupted and cut at what was heard of it; the session goes on",
        wish=Wish(transcribe=False),
        play=_interrupt,
        seconds=60,
        waits=5,
        answers=2,
        expects=(*ITEM, "conversation.item.truncated"),
        interrupts=True,
    ),
    Script(
        name="long",
        summary="several turns, spoken and typed, a long answer, an item fetched back and deleted",
        wish=Wish(),
        play=_long,
        seconds=240,
        waits=8,
        answers=3,
        expects=(*_SPEECH, "conversation.item.retrieved", "conversation.item.deleted"),
    ),
)  # fmt: skip
SCRIPTS: Mapping[str, Script] = MappingProxyType({script.name: script for script in _ALL})
