"""One conversation, live: what a script may do, everything that comes back noted, and how it came to an end.

A script says and waits; a second task hears. Whoever waits does so for what is owed to it, and gives up when nothing at
all has come for as long as the time-out says. Judging is done elsewhere, on what was noted.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import trio

from bridge.protocol.audio.pcm import chunks, silence
from bridge.transport.link import LinkClosed
from probes.conversation.facts import COMPLETED, TURN_ENDED, SessionFacts
from probes.conversation.ordering import TEXT_RULE, EventOrder
from probes.recording.capture import (
    CaptureEntry,
    ClosedEnding,
    FinishedEnding,
    LimitEnding,
    RefusedEnding,
    SilentEnding,
    StoppedEnding,
)
from probes.recording.content import AUDIO_PLACEHOLDER, audio_ms, is_silent, keep_content, strip_content
from probes.voice.voice_client import NotReady

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from probes.conversation.facts import ResponseFacts
    from probes.conversation.scripts import ConversationScript
    from probes.recording.capture import CaptureEnding
    from probes.runner.redaction import Secrets
    from probes.voice.voice_client import ReceivedFrame, VoiceClient

CHUNK_MS = 20
#: Silence behind a sentence, so that turn detection hears its end.
TRAILING_SILENCE_MS = 700
#: How long the stragglers of a finished session are waited for: `rate_limits.updated` comes 43 ms behind the answer.
_SETTLE_SECONDS = 0.3
#: How long it takes to hear why a link ended that refuses to send.
_LAST_WORDS_SECONDS = 1.0
#: What is kept of one run: a script talks for minutes, at 20 events a second.
MAX_ENTRIES = 20_000
#: The same in bytes of frames: ten minutes of audio in base64, and some.
MAX_BYTES = 64 * 2**20
#: Remarks of the probe itself.
_PROBE = "probe"


class Awaited(StrEnum):
    """What is waited for."""

    CONNECTION = "connection"
    SESSION = "session"
    READY = "ready"
    RESPONSE = "answer"
    TRANSCRIPT = "transcript"
    EVENT = "event"
    """The confirmation of something that the script sent."""


class NoProgress(Exception):  # noqa: N818 - what happened, not a mistake
    """Nothing came although something was owed."""

    def __init__(self, owed: Awaited) -> None:
        super().__init__(owed)
        self.awaited = owed


class ResponseFailed(Exception):  # noqa: N818 - what happened, not a mistake
    """An answer failed: the script cannot go on. What failed is in the account."""


class RecorderFull(Exception):  # noqa: N818 - what happened, not a mistake
    """A bound of what is kept was reached."""


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Notes every frame, without its content unless that was asked for, and keeps the account of them."""

    facts: SessionFacts
    secrets: Secrets
    show_content: bool = False
    on_entry: Callable[[CaptureEntry], None] = lambda _: None
    entries: list[CaptureEntry] = field(default_factory=list)
    started_at: float = field(default_factory=trio.current_time)
    progress_at: float = field(default_factory=trio.current_time)
    """When the other end last moved on, on trio's clock."""
    _bytes: int = 0
    _order: EventOrder = field(init=False)

    def __post_init__(self) -> None:
        self._order = EventOrder(self.facts.requested_dialect, self.facts.kind)

    def record_received(self, heard: ReceivedFrame) -> None:
        """Note a frame. Raises Overflow past the bounds."""
        pcm = _audio_of(heard)
        unreadable = heard.unreadable or ("audio that is no base64" if pcm is None else "")
        event = self._kept(heard.event, audio=bool(pcm))
        entry = CaptureEntry(
            at=heard.at - self.started_at,
            who="server" if heard.native else "bridge",
            event={} if heard.unreadable else event,
            frame_bytes=heard.frame_bytes,
            audio_ms=audio_ms(pcm or b""),
            silent=bool(pcm) and is_silent(pcm or b""),
            unreadable=unreadable,
            differs=not unreadable and heard.native and self._differs(heard.event),
        )
        if self._note(entry):
            self.progress_at = heard.at

    def record_sent(self, event: Mapping[str, Any], detail: str) -> None:
        """Note what was sent."""
        sound = _decoded(event.get("audio")) or b""
        kept = self._kept(event, audio=bool(sound))
        self._note(CaptureEntry(at=self.now(), who="client", event=kept, audio_ms=audio_ms(sound), detail=detail))

    def record_marker(self, what: str) -> None:
        """Note something that the script wants to find again."""
        self._note(CaptureEntry(at=self.now(), who=_PROBE, event={"type": what}))

    def _note(self, entry: CaptureEntry) -> bool:
        self._bytes += entry.frame_bytes
        if len(self.entries) >= MAX_ENTRIES or self._bytes > MAX_BYTES:
            raise RecorderFull
        self.entries.append(entry)
        moved = self.facts.feed(entry)
        self.on_entry(entry)
        return moved

    def _kept(self, event: Mapping[str, Any], *, audio: bool) -> dict[str, Any]:
        if self.show_content:
            return keep_content(event, self.secrets)
        kept = strip_content(event, self.secrets)
        return {**kept, "delta": AUDIO_PLACEHOLDER} if audio and "delta" in kept else kept

    def _differs(self, event: Mapping[str, Any]) -> bool:
        """Look at the words while they are still here."""
        if self.show_content or self._order.is_repeat(event):
            return False
        return any(rule == TEXT_RULE for rule, _ in self._order.feed(event))

    def now(self) -> float:
        """Seconds since the run began."""
        return trio.current_time() - self.started_at


def _audio_of(heard: ReceivedFrame) -> bytes | None:
    """Give the audio that a frame brings, empty where it is of another kind; None for audio that cannot be read."""
    event = heard.event
    if not heard.native or not str(event.get("type")).endswith("audio.delta"):
        return b""
    return _decoded(event.get("delta"))


def _decoded(audio: object) -> bytes | None:
    try:
        return base64.b64decode(str(audio or ""), validate=True)
    except binascii.Error:
        return None


class ScriptedConversation:
    """What a script may do. Each method raises Silence, Stop or LinkClosed when it cannot be done."""

    def __init__(self, client: VoiceClient, recorder: Recorder, timeout: float, speed: float = 1.0) -> None:
        self.client, self.facts = client, recorder.facts
        self._recorder, self._timeout, self._pace = recorder, timeout, speed
        self._moved = trio.Event()
        self._answers = 0

    # What a script does

    async def ask(self, text: str) -> None:
        """Say something in writing."""
        await self.client.send_text(text)
        self._recorder.record_marker(TURN_ENDED)

    async def send_event(self, event: Mapping[str, Any]) -> None:
        """Send a native event."""
        await self.client.send_event(event)

    async def mark_turn_ended(self) -> None:
        """Note that an answer is waited for from here on."""
        await trio.lowlevel.checkpoint()
        self._recorder.record_marker(TURN_ENDED)

    async def speak(self, pcm: bytes, *, commit: bool = False) -> None:
        """Say a sentence at the pace of speech, then silence, or where nobody detects turns the end of it."""
        begin = trio.current_time()
        for index, chunk in enumerate(chunks(pcm + (b"" if commit else silence(TRAILING_SILENCE_MS)), CHUNK_MS)):
            await trio.sleep_until(begin + index * CHUNK_MS / 1000 / self._pace)
            if not commit and index == len(pcm) // (CHUNK_MS * 48):
                self._recorder.record_marker(TURN_ENDED)
            await self.client.send_audio(chunk)
        if commit:
            self._recorder.record_marker(TURN_ENDED)
            await self.client.commit()

    async def wait_for_response(self, *, allow_cancelled: bool = False) -> ResponseFacts:
        """Wait until the next answer is over. Raises Stop where it failed; `cut`: that it was cancelled is well."""
        while True:
            await self.wait_until(lambda: len(self.facts.finished_responses) > self._answers, Awaited.RESPONSE)
            answer = self.facts.finished_responses[self._answers]
            self._answers += 1
            if answer.status == COMPLETED or (allow_cancelled and answer.status == "cancelled"):
                return answer
            if not answer.interrupted:
                raise ResponseFailed

    async def listen_to_response(self, ms: float) -> None:
        """Listen to the running answer for so long; shorter where the answer is. Where none is spoken, do not wait."""
        await self.wait_until(self._is_heard, Awaited.RESPONSE)
        await trio.sleep(ms / 1000 / self._pace)

    def _is_heard(self) -> bool:
        running = list(self.facts.responses.values())[self._answers :]
        return bool(running) and bool(running[0].audio_chunks or running[0].status or self.facts.speaks is False)

    async def interrupt(self) -> None:
        """Stop the running answer and cut it at what can have been played of it by now."""
        answer = list(self.facts.responses.values())[self._answers]
        since = answer.audio_chunks[0][0] if answer.audio_chunks else self._recorder.now()
        played = min((self._recorder.now() - since) * 1000 * self._pace, answer.audio_ms)
        await self.client.interrupt(answer.item_id, round(played))

    async def wait_for_transcripts(self) -> None:
        """Wait until everything that was said is written down, where this session does that."""
        await self.wait_until(
            lambda: bool(self.facts.committed_items) and not self.facts.pending_transcriptions, Awaited.TRANSCRIPT
        )

    async def wait_for_event(self, name: str) -> None:
        """Wait for the event, by GA's name, that confirms what was sent."""
        await self.wait_until(lambda: self.facts.event_counts[name] > 0, Awaited.EVENT)

    async def wait_until(self, done: Callable[[], bool], owed: Awaited) -> None:
        """Wait for something. Raises Silence when the other end has not moved on for as long as the time-out."""
        since = trio.current_time()
        while not done():
            deadline = max(since, self._recorder.progress_at) + self._timeout
            with trio.move_on_at(deadline) as scope:
                await self._moved.wait()
            if scope.cancelled_caught and max(since, self._recorder.progress_at) + self._timeout <= trio.current_time():
                raise NoProgress(owed)

    # How it runs

    async def open(self, script: ConversationScript) -> None:
        """Connect and configure. Raises Silence, NotReady, LinkClosed and what connecting fails with."""
        with trio.CancelScope(deadline=trio.current_time() + self._timeout) as scope:

            def on_heard(heard: ReceivedFrame) -> None:
                self._recorder.record_received(heard)
                scope.deadline = self._recorder.progress_at + self._timeout

            await self.client.start(script.options, on_heard)
        if scope.cancelled_caught:
            connected = self.client.connected_at is not None
            opened = self.facts.opened_at is not None
            raise NoProgress(Awaited.READY if opened else Awaited.SESSION if connected else Awaited.CONNECTION)

    async def receive_all(self) -> None:
        """Note what comes, until the link ends. Raises LinkClosed and Overflow."""
        while True:
            self._recorder.record_received(await self.client.receive())
            self._moved.set()
            self._moved = trio.Event()


async def play_script(
    client: VoiceClient, script: ConversationScript, recorder: Recorder, *, timeout: float, speed: float = 1.0
) -> CaptureEnding:
    """Play a script to its end, whichever that is, and close the link. Raises only what connecting fails with.

    `pace` is how many times faster than speech is spoken. Cancelling closes the link within a bounded time.
    """
    conversation = ScriptedConversation(client, recorder, timeout, speed)
    client.on_sent = recorder.record_sent
    longest = script.time_limit + script.timeouts_allowed * timeout
    ending: CaptureEnding = LimitEnding(at=longest, bound=f"{longest:.0f} s for the whole script")
    try:
        with trio.move_on_after(longest):
            ending = await _performed(conversation, script, recorder)
    finally:
        await client.close()
    return ending


async def _performed(
    conversation: ScriptedConversation, script: ConversationScript, recorder: Recorder
) -> CaptureEnding:
    def at() -> float:
        return trio.current_time() - recorder.started_at

    try:
        await conversation.open(script)
        await _played(conversation, script)
    except NoProgress as silent:
        return SilentEnding(at=at(), owed=silent.awaited, seconds=trio.current_time() - recorder.progress_at)
    except ResponseFailed:
        return StoppedEnding(at=at())
    except NotReady as refused:
        return RefusedEnding(at=at(), error=dict(refused.error), native=refused.native, code=refused.code)
    except LinkClosed as closed:
        return ClosedEnding(at=at(), code=closed.code, reason=closed.reason, by_peer=closed.by_peer)
    except RecorderFull:
        return LimitEnding(at=at(), bound=f"{MAX_ENTRIES:,} events or {MAX_BYTES // 2**20} MB of them")
    return FinishedEnding(at=at())


async def _played(conversation: ScriptedConversation, script: ConversationScript) -> None:
    """Speak and hear side by side. What ended it comes out as it is, in no group; the end of the link before all."""
    found: list[Exception] = []
    async with trio.open_nursery() as nursery:

        async def listen() -> None:
            try:
                await conversation.receive_all()
            except (LinkClosed, RecorderFull) as error:
                found.insert(0, error)
                nursery.cancel_scope.cancel()

        nursery.start_soon(listen)
        try:
            await script.play(conversation)
            await trio.sleep(_SETTLE_SECONDS)
        except LinkClosed as error:  # met while sending: what is still to be heard tells more
            found.append(error)
            await trio.sleep(_LAST_WORDS_SECONDS)
        except (NoProgress, ResponseFailed, RecorderFull) as error:
            found.append(error)
        nursery.cancel_scope.cancel()
    if found:
        raise found[0]
