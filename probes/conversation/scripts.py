"""The scripts: conversations that make a session produce its events. Each runs the same on a service and a bridge.

A script only sends and waits; the events that must arrive are listed beside it as data, by GA name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bridge.protocol.audio.wav import read_wav
from bridge.protocol.dialects.detection import SessionKind
from bridge.protocol.events.groups import ARGUMENTS_DELTAS
from probes.conversation.invalid_events import INVALID_EVENTS
from probes.voice.voice_client import VoiceOptions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from probes.conversation.conversation import ScriptedConversation

#: The function that the model has to call. Its output is invented, and says so.
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
_TOOL_OUTPUT = '{"open": "09:00", "close": "18:00", "note": "invented by a test"}'
_INSTRUCTIONS = "You are being tested. Answer in one short sentence."
#: How much of the response is played before it is interrupted.
_BARGE_IN_MS = 300.0

ITEM_EVENTS = ("conversation.item.added", "conversation.item.done")
_RESPONSE_EVENTS = ("response.created", "response.output_item.added", "response.output_item.done", "response.done")
_PART_EVENTS = ("response.content_part.added", "response.content_part.done")
TEXT_RESPONSE_EVENTS = (*_RESPONSE_EVENTS, *_PART_EVENTS, "response.output_text.delta", "response.output_text.done")
AUDIO_RESPONSE_EVENTS = (
    *(*_RESPONSE_EVENTS, *_PART_EVENTS, "response.output_audio.delta", "response.output_audio.done"),
    *("response.output_audio_transcript.delta", "response.output_audio_transcript.done"),
)
_DETECTION_EVENTS = ("input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped")
_COMMITTED_EVENTS = ("input_audio_buffer.committed",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationScript:
    """One script. `play` raises what the methods of ScriptedConversation raise."""

    name: str
    summary: str
    options: VoiceOptions
    play: Callable[[ScriptedConversation], Awaitable[None]]
    time_limit: float
    """Seconds that it may last if every response is prompt."""
    timeouts_allowed: int
    """How many times a wait may take the whole timeout; added to `time_limit`."""
    responses: int = 1
    """Number of responses that it requests."""
    expected_events: tuple[str, ...] = ()
    """Events that must arrive besides those of every response, by GA name."""
    calls_function: bool = False
    """Whether a function has to be called."""
    interrupts: bool = False
    """Whether the script cancels the first response."""
    is_recorded: bool = False
    """Whether somebody else's client played it, so that no event in particular is expected."""
    sends_invalid_events: bool = False
    """Whether it sends events that must be answered with an error."""
    configures: bool = True
    """Whether the client sends a configuration, which must be confirmed."""

    @property
    def sends_audio(self) -> bool:
        """Whether it sends audio, so that there is something to transcribe."""
        return any(name in self.expected_events for name in _COMMITTED_EVENTS)


@cache
def question_audio() -> bytes:
    """Return the recorded question, PCM16 24 kHz mono."""
    return read_wav(files("probes").joinpath("data/question.wav").read_bytes()).pcm


async def _text(conversation: ScriptedConversation) -> None:
    await conversation.ask("Please say that you can read this.")
    await conversation.wait_for_response()


async def _audio(conversation: ScriptedConversation) -> None:
    await conversation.speak(question_audio())
    await conversation.wait_for_response()
    await conversation.wait_for_transcripts()


async def _manual(conversation: ScriptedConversation) -> None:
    await conversation.speak(question_audio(), commit=True)
    await conversation.wait_for_response()
    await conversation.wait_for_transcripts()


async def _transcription(conversation: ScriptedConversation) -> None:
    await conversation.speak(question_audio())
    await conversation.wait_for_transcripts()


async def _function(conversation: ScriptedConversation) -> None:
    content = [{"type": "input_text", "text": "When are you open on Mondays? Look it up."}]
    item = {"type": "message", "role": "user", "content": content}
    await conversation.send_event({"type": "conversation.item.create", "item": item})
    await conversation.send_event({"type": "response.create", "response": {"tool_choice": "required"}})
    await conversation.mark_turn_ended()
    called = await conversation.wait_for_response()
    for call_id, _ in called.function_calls[:1]:
        await conversation.client.send_tool_output(call_id, _TOOL_OUTPUT)
        await conversation.wait_for_response()


async def _interrupt(conversation: ScriptedConversation) -> None:
    await conversation.ask("Please count slowly from one to sixty, all in words.")
    await conversation.listen_to_response(_BARGE_IN_MS)
    await conversation.interrupt()
    await conversation.wait_for_response(allow_cancelled=True)
    await conversation.wait_for_event("conversation.item.truncated")
    await conversation.ask("Thank you. Please say goodbye.")
    await conversation.wait_for_response()


async def _long(conversation: ScriptedConversation) -> None:
    await conversation.speak(question_audio())
    await conversation.wait_for_response()
    await conversation.wait_for_transcripts()
    await conversation.ask("Please tell me a story of about sixty words, on any subject that you like.")
    await conversation.wait_for_response()
    for item in conversation.facts.user_item_ids[-1:]:
        await conversation.send_event({"type": "conversation.item.retrieve", "item_id": item})
        await conversation.wait_for_event("conversation.item.retrieved")
        await conversation.send_event({"type": "conversation.item.delete", "item_id": item})
        await conversation.wait_for_event("conversation.item.deleted")
    await conversation.ask("Thank you. Please say goodbye.")
    await conversation.wait_for_response()


async def _errors(conversation: ScriptedConversation) -> None:
    for invalid in INVALID_EVENTS:
        await conversation.send_invalid(invalid.name, invalid.event)


_SPOKEN = VoiceOptions(instructions=_INSTRUCTIONS)
_SPEECH_EVENTS = (*_DETECTION_EVENTS, *_COMMITTED_EVENTS, *ITEM_EVENTS)

_ALL = (
    ConversationScript(
        name="text",
        summary="a typed question, a text response",
        options=VoiceOptions(audio_output=False, transcribe=False, instructions=_INSTRUCTIONS),
        play=_text,
        time_limit=30,
        timeouts_allowed=3,
        expected_events=ITEM_EVENTS,
    ),
    ConversationScript(
        name="audio",
        summary="a spoken question, server-side turn detection, a spoken response and a transcript",
        options=_SPOKEN,
        play=_audio,
        time_limit=60,
        timeouts_allowed=4,
        expected_events=_SPEECH_EVENTS,
    ),
    ConversationScript(
        name="manual",
        summary="a spoken question without turn detection, committed by the client",
        options=VoiceOptions(turn_detection=None, instructions=_INSTRUCTIONS),
        play=_manual,
        time_limit=60,
        timeouts_allowed=4,
        expected_events=(*_COMMITTED_EVENTS, *ITEM_EVENTS),
    ),
    ConversationScript(
        name="transcription",
        summary="a spoken sentence in a transcription session: a transcript, no response",
        options=VoiceOptions(kind=SessionKind.TRANSCRIPTION),
        play=_transcription,
        time_limit=30,
        timeouts_allowed=3,
        responses=0,
        expected_events=_SPEECH_EVENTS,
    ),
    ConversationScript(
        name="function",
        summary="a function call, its output, and the response based on it",
        options=VoiceOptions(audio_output=False, transcribe=False, tools=(TOOL,), instructions=_INSTRUCTIONS),
        play=_function,
        time_limit=60,
        timeouts_allowed=4,
        responses=2,
        expected_events=(*ITEM_EVENTS, *ARGUMENTS_DELTAS, "response.function_call_arguments.done"),
        calls_function=True,
    ),
    ConversationScript(
        name="interrupt",
        summary="a spoken response is interrupted and truncated at what was played; the session continues",
        options=VoiceOptions(transcribe=False),
        play=_interrupt,
        time_limit=60,
        timeouts_allowed=5,
        responses=2,
        expected_events=(*ITEM_EVENTS, "conversation.item.truncated"),
        interrupts=True,
    ),
    ConversationScript(
        name="long",
        summary="several turns, spoken and typed, a long response, an item retrieved and deleted",
        options=VoiceOptions(),
        play=_long,
        time_limit=240,
        timeouts_allowed=8,
        responses=3,
        expected_events=(*_SPEECH_EVENTS, "conversation.item.retrieved", "conversation.item.deleted"),
    ),
    ConversationScript(
        name="errors",
        summary="invalid events, each of which must be answered with an error; the session continues",
        options=VoiceOptions(audio_output=False, transcribe=False, turn_detection=None, instructions=_INSTRUCTIONS),
        play=_errors,
        time_limit=30,
        timeouts_allowed=5,
        responses=0,
        expected_events=ITEM_EVENTS,
        sends_invalid_events=True,
    ),
)  # fmt: skip
SCRIPTS: Mapping[str, ConversationScript] = MappingProxyType({script.name: script for script in _ALL})


async def _person(_: ScriptedConversation) -> None:
    """Nothing to play: a person spoke."""


#: A capture from a bridge's voice console: what a person meant to do is unknown, so nothing in particular is expected.
PAGE_SCRIPT = ConversationScript(
    name="page",
    summary="a conversation in the voice console of a bridge",
    options=VoiceOptions(),
    play=_person,
    time_limit=0,
    timeouts_allowed=0,
    responses=0,
    is_recorded=True,
)
CAPTURED_SCRIPTS: Mapping[str, ConversationScript] = MappingProxyType({**SCRIPTS, PAGE_SCRIPT.name: PAGE_SCRIPT})
"""Every script that a capture may name: those that can be played, and the console's."""
