"""The actions of a script in a live session: send, speak, interrupt, and wait for what must come back.

One task runs the script while a second one receives (`player.py`). A wait ends with NoProgress when the other side has
made no progress for as long as the timeout. Nothing is judged here: that is done on the recorded entries.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import trio

from bridge.protocol.audio.pcm import chunks, silence
from probes.conversation.facts import INVALID_SENT, TURN_ENDED
from probes.conversation.response_facts import COMPLETED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from probes.conversation.recorder import Recorder
    from probes.conversation.response_facts import ResponseFacts
    from probes.voice.voice_client import ReceivedFrame, VoiceClient, VoiceOptions

CHUNK_MS = 20
#: PCM16 at 24 kHz.
_BYTES_PER_MS = 48
_ITEM_ADDED = "conversation.item.added"
_ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "This event is valid."}]}
#: Silence after a sentence, so that turn detection recognizes its end.
TRAILING_SILENCE_MS = 700


class Awaited(StrEnum):
    """What a wait is for; the values are part of capture files."""

    CONNECTION = "connection"
    SESSION = "session"
    READY = "ready"
    RESPONSE = "answer"
    TRANSCRIPT = "transcript"
    EVENT = "event"
    """The confirmation of an event that the script sent."""


class NoProgress(Exception):  # noqa: N818 - what happened, not a mistake
    """The other side made no progress within the timeout."""

    def __init__(self, awaited: Awaited) -> None:
        super().__init__(awaited)
        self.awaited = awaited


class ResponseFailed(Exception):  # noqa: N818 - what happened, not a mistake
    """A response failed, so the script can't continue. The facts say which one and why."""


class ScriptedConversation:
    """What a script can do. Each method may raise NoProgress, ResponseFailed or LinkClosed."""

    def __init__(self, client: VoiceClient, recorder: Recorder, timeout: float, speed: float = 1.0) -> None:
        self.client, self.facts = client, recorder.facts
        self._recorder, self._timeout, self._speed = recorder, timeout, speed
        self._received = trio.Event()
        self._responses_taken = 0

    # Actions of a script

    async def ask(self, text: str) -> None:
        """Send a typed turn and request the response."""
        await self.client.send_text(text)
        self._recorder.record_marker(TURN_ENDED)

    async def send_event(self, event: Mapping[str, Any]) -> None:
        """Send a native client event, written in its GA shape."""
        await self.client.send_event(event)

    async def send_invalid(self, name: str, event: Mapping[str, Any]) -> None:
        """Send an event that must be refused, and a valid one; return when that one is confirmed."""
        confirmed = self.facts.event_counts[_ITEM_ADDED]
        self._recorder.record_marker(INVALID_SENT + name)
        await self.send_event(event)
        await self.send_event({"type": "conversation.item.create", "item": _ITEM})
        await self.wait_until(lambda: self.facts.event_counts[_ITEM_ADDED] > confirmed, Awaited.EVENT)

    async def mark_turn_ended(self) -> None:
        """Mark the end of the user's turn: from here on a response is due."""
        await trio.lowlevel.checkpoint()
        self._recorder.record_marker(TURN_ENDED)

    async def speak(self, pcm: bytes, *, commit: bool = False) -> None:
        """Send PCM16 24 kHz mono at the speed of speech, then silence so that turn detection ends the turn.

        With `commit`, for sessions without turn detection, a commit takes the place of the silence.
        """
        begin = trio.current_time()
        for index, chunk in enumerate(chunks(pcm + (b"" if commit else silence(TRAILING_SILENCE_MS)), CHUNK_MS)):
            await trio.sleep_until(begin + index * CHUNK_MS / 1000 / self._speed)
            if not commit and index == len(pcm) // (CHUNK_MS * _BYTES_PER_MS):
                self._recorder.record_marker(TURN_ENDED)
            await self.client.send_audio(chunk)
        if commit:
            self._recorder.record_marker(TURN_ENDED)
            await self.client.commit()

    async def wait_for_response(self, *, allow_cancelled: bool = False) -> ResponseFacts:
        """Wait for the end of the next response and return it.

        A response that turn detection cancelled is skipped. Raises ResponseFailed if it ended in another way than
        completed; with `allow_cancelled`, a cancelled one is returned as well.
        """
        while True:
            await self.wait_until(lambda: len(self.facts.finished_responses) > self._responses_taken, Awaited.RESPONSE)
            response = self.facts.finished_responses[self._responses_taken]
            self._responses_taken += 1
            if response.status == COMPLETED or (allow_cancelled and response.status == "cancelled"):
                return response
            if not response.interrupted:
                raise ResponseFailed

    async def listen_to_response(self, ms: float) -> None:
        """Wait until the current response has audio, or has ended, and then for `ms` of playback.

        A session with text responses doesn't wait for audio.
        """
        await self.wait_until(self._is_response_audible, Awaited.RESPONSE)
        await trio.sleep(ms / 1000 / self._speed)

    def _is_response_audible(self) -> bool:
        started = list(self.facts.responses.values())[self._responses_taken :]
        return bool(started) and bool(started[0].audio_chunks or started[0].status or self.facts.speaks is False)

    async def interrupt(self) -> None:
        """Cancel the current response and truncate what is being played at what can have been played by now."""
        response = list(self.facts.responses.values())[self._responses_taken]
        since = response.audio_chunks[0][0] if response.audio_chunks else self._recorder.now()
        played = min((self._recorder.now() - since) * 1000 * self._speed, response.audio_ms)
        item_id, played_of_it = response.item_at(played)
        await self.client.interrupt(item_id, round(played_of_it))

    async def wait_for_transcripts(self) -> None:
        """Wait until all committed speech is transcribed, if this session transcribes."""
        await self.wait_until(
            lambda: bool(self.facts.committed_items) and not self.facts.pending_transcriptions, Awaited.TRANSCRIPT
        )

    async def wait_for_event(self, name: str) -> None:
        """Wait for the event, by GA name, that confirms a sent event."""
        await self.wait_until(lambda: self.facts.event_counts[name] > 0, Awaited.EVENT)

    async def wait_until(self, done: Callable[[], bool], awaited: Awaited) -> None:
        """Wait for a condition. Raises NoProgress when the other side makes no progress for as long as the timeout."""
        since = trio.current_time()
        while not done():
            with trio.move_on_at(self._deadline(since)) as scope:
                await self._received.wait()
            if scope.cancelled_caught and self._deadline(since) <= trio.current_time():
                raise NoProgress(awaited)

    def _deadline(self, since: float) -> float:
        return max(since, self._recorder.progress_at) + self._timeout

    # The session around it

    async def open(self, options: VoiceOptions) -> None:
        """Connect and configure. Raises NoProgress, NotReady, LinkClosed, DialFailed and HandshakeRefused."""
        with trio.CancelScope(deadline=trio.current_time() + self._timeout) as scope:

            def on_frame(frame: ReceivedFrame) -> None:
                self._recorder.record_received(frame)
                scope.deadline = self._recorder.progress_at + self._timeout

            await self.client.start(options, on_frame)
        if scope.cancelled_caught:
            connected = self.client.connected_at is not None
            opened = self.facts.opened_at is not None
            raise NoProgress(Awaited.READY if opened else Awaited.SESSION if connected else Awaited.CONNECTION)

    async def receive_all(self) -> None:
        """Record everything until the link ends. Raises LinkClosed and RecorderFull; never returns."""
        while True:
            self._recorder.record_received(await self.client.receive())
            self._received.set()
            self._received = trio.Event()
