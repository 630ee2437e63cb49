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
from bridge.protocol.dialects.detection import SessionKind
from probes.voice.voice_client import VoiceOptions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from probes.conversation.conversation import ScriptedConversation

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

ITEM_EVENTS = ("conversation.item.added", "conversation.item.done")
_RESPONSE = ("response.created", "response.output_item.added", "response.output_item.done", "response.done")
_PART = ("response.content_part.added", "response.content_part.done")
TEXT_RESPONSE_EVENTS = (*_RESPONSE, *_PART, "response.output_text.delta", "response.output_text.done")
AUDIO_RESPONSE_EVENTS = (
    *(*_RESPONSE, *_PART, "response.output_audio.delta", "response.output_audio.done"),
    *("response.output_audio_transcript.delta", "response.output_audio_transcript.done"),
)
_DETECTED = ("input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped")
_COMMITTED = ("input_audio_buffer.committed",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationScript:
    """One script. `play` raises what a Conversation does."""

    name: str
    summary: str
    options: VoiceOptions
    play: Callable[[ScriptedConversation], Awaitable[None]]
    time_limit: float
    """What it may last when everything answers in time."""
    timeouts_allowed: int
    """How often an answer may take as long as the time-out says."""
    responses: int = 1
    """Answers that it asks for."""
    expected_events: tuple[str, ...] = ()
    """Events that must come, beside those of every answer; a beta server's are the same under its own names."""
    calls_function: bool = False
    """A function has to be called."""
    interrupts: bool = False
    """The first answer is cancelled by the script itself."""

    @property
    def sends_audio(self) -> bool:
        """Whether anything is spoken, so that there is something to write down."""
        return any(name in self.expected_events for name in _COMMITTED)


@cache
def question_audio() -> bytes:
    """Give the recorded sentence, PCM16 24 kHz mono."""
    return read_wav(files("probes").joinpath("data/question.wav").read_bytes()).pcm


async def _text(talk: ScriptedConversation) -> None:
    await talk.ask("Please say that you can read this.")
    await talk.wait_for_response()


async def _audio(talk: ScriptedConversation) -> None:
    await talk.speak(question_audio())
    await talk.wait_for_response()
    await talk.wait_for_transcripts()


async def _manual(talk: ScriptedConversation) -> None:
    await talk.speak(question_audio(), commit=True)
    await talk.wait_for_response()
    await talk.wait_for_transcripts()


async def _transcription(talk: ScriptedConversation) -> None:
    await talk.speak(question_audio())
    await talk.wait_for_transcripts()


async def _function(talk: ScriptedConversation) -> None:
    content = [{"type": "input_text", "text": "When are you open on Mondays? Look it up."}]
    item = {"type": "message", "role": "user", "content": content}
    await talk.send_event({"type": "conversation.item.create", "item": item})
    await talk.send_event({"type": "response.create", "response": {"tool_choice": "required"}})
    await talk.mark_turn_ended()
    called = await talk.wait_for_response()
    for call_id, _ in called.function_calls[:1]:
        await talk.client.send_tool_output(call_id, _TOOL_OUTPUT)
        await talk.wait_for_response()


async def _interrupt(talk: ScriptedConversation) -> None:
    await talk.ask("Please count slowly from one to sixty, all in words.")
    await talk.listen_to_response(_BARGE_IN_MS)
    await talk.interrupt()
    await talk.wait_for_response(allow_cancelled=True)
    await talk.wait_for_event("conversation.item.truncated")
    await talk.ask("Thank you. Please say goodbye.")
    await talk.wait_for_response()


async def _long(talk: ScriptedConversation) -> None:
    await talk.speak(question_audio())
    await talk.wait_for_response()
    await talk.wait_for_transcripts()
    await talk.ask("Please tell me a story of about sixty words, on any subject that you like.")
    await talk.wait_for_response()
    for item in talk.facts.user_item_ids[-1:]:
        await talk.send_event({"type": "conversation.item.retrieve", "item_id": item})
        await talk.wait_for_event("conversation.item.retrieved")
        await talk.send_event({"type": "conversation.item.delete", "item_id": item})
        await talk.wait_for_event("conversation.item.deleted")
    await talk.ask("Thank you. Please say goodbye.")
    await talk.wait_for_response()


_BRIEF = VoiceOptions(instructions=_BRIEFLY)
_SPEECH = (*_DETECTED, *_COMMITTED, *ITEM_EVENTS)

_ALL = (
    ConversationScript(
        name="text",
        summary="a typed question, an answer in text",
        options=VoiceOptions(audio_output=False, transcribe=False, instructions=_BRIEFLY),
        play=_text,
        time_limit=30,
        timeouts_allowed=3,
        expected_events=ITEM_EVENTS,
    ),
    ConversationScript(
        name="audio",
        summary="a spoken question, its end detected by the server, a spoken answer and a transcript",
        options=_BRIEF,
        play=_audio,
        time_limit=60,
        timeouts_allowed=4,
        expected_events=_SPEECH,
    ),
    ConversationScript(
        name="manual",
        summary="a spoken question without turn detection, committed by hand",
        options=VoiceOptions(turn_detection=None, instructions=_BRIEFLY),
        play=_manual,
        time_limit=60,
        timeouts_allowed=4,
        expected_events=(*_COMMITTED, *ITEM_EVENTS),
    ),
    ConversationScript(
        name="transcription",
        summary="a spoken sentence in a transcription session, written down and not answered",
        options=VoiceOptions(kind=SessionKind.TRANSCRIPTION),
        play=_transcription,
        time_limit=30,
        timeouts_allowed=3,
        responses=0,
        expected_events=_SPEECH,
    ),
    ConversationScript(
        name="function",
        summary="a function is called, its result given, and the answer made of it",
        options=VoiceOptions(audio_output=False, transcribe=False, tools=(TOOL,), instructions=_BRIEFLY),
        play=_function,
        time_limit=60,
        timeouts_allowed=4,
        responses=2,
        expected_events=(*ITEM_EVENTS, "response.function_call_arguments.delta",
            "response.function_call_arguments.done"),
        calls_function=True,
    ),
    ConversationScript(
        name="interrupt",
        summary="a spoken answer is interrupted and cut at what was heard of it; the session goes on",
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
        summary="several turns, spoken and typed, a long answer, an item fetched back and deleted",
        options=VoiceOptions(),
        play=_long,
        time_limit=240,
        timeouts_allowed=8,
        responses=3,
        expected_events=(*_SPEECH, "conversation.item.retrieved", "conversation.item.deleted"),
    ),
)  # fmt: skip
SCRIPTS: Mapping[str, ConversationScript] = MappingProxyType({script.name: script for script in _ALL})
