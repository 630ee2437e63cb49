"""Plays one side of a recording over a link, and keeps what the other side sends.

It ends when everything recorded was sent and has come back, when the other side closes, or when nothing happens for the
time-out. It judges nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from bridge.protocol.recordings.capture import ClosedEnding
from bridge.protocol.recordings.filler import Filler
from bridge.protocol.recordings.kinds import frame_kind, is_loose
from bridge.protocol.recordings.playback import CLIENT_SIDE, SERVER_SIDE, Playback
from bridge.transport.link import LinkClosed
from bridge.transport.websocket import is_sendable_close_code
from probes.replay.comparison import expected_kinds
from probes.replay.ids import IdMap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.protocol.recordings.capture import Capture, CaptureEntry
    from bridge.transport.websocket import WebSocketLink
    from probes.record.frames import FrameRecorder

#: What else the other side may send once it has sent everything that was recorded.
_SETTLE_SECONDS: Final = 0.5
#: Caller number of the tracer audio that is played.
_CALLER: Final = 1


@dataclass(slots=True, kw_only=True)
class Replay:
    """One replay. `from_client`: the client's side is played, to a service or a bridge."""

    capture: Capture
    link: WebSocketLink
    frames: FrameRecorder
    from_client: bool
    speed: float
    timeout: float
    entries: list[CaptureEntry] = field(default_factory=list)
    """What passed, in both directions."""
    kinds: list[str] = field(default_factory=list)
    """What the other side sent."""
    sent: int = 0
    sent_audio_ms: float = 0.0
    unsent: int = 0
    """Frames that the other side's end left over, but for those that may always come late."""
    waited_for: str = ""
    """What never came, so that the replay stopped; empty if everything was sent."""
    closed: LinkClosed | None = None
    """How the other side closed; None if it did not."""
    _missing: Counter[str] = field(default_factory=Counter)
    _started_at: float = field(default_factory=trio.current_time)
    _moved_at: float = 0.0
    _wake: trio.Event = field(default_factory=trio.Event)

    @property
    def others(self) -> frozenset[str]:
        """`who` of the entries of the other side."""
        return SERVER_SIDE if self.from_client else CLIENT_SIDE

    @property
    def recorded_kinds(self) -> list[str]:
        """What the other side sent in the recording."""
        return [_kind(entry) for entry in self.capture.entries if entry.who in self.others and not entry.unreadable]

    async def run(self) -> None:
        """Play it to its end, and close the link. Cancelling closes it within a bounded time."""
        now = trio.current_time()
        own = CLIENT_SIDE if self.from_client else SERVER_SIDE
        playback = Playback(self.capture.entries, from_client=self.from_client, speed=self.speed, now=now)
        filler = Filler((entry for entry in self.capture.entries if entry.who in own), caller=_CALLER)
        ids = IdMap(entry.event for entry in self.capture.entries if entry.who in self.others)
        self._missing, self._moved_at = expected_kinds(self.recorded_kinds), now
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._receive, playback, ids)
                await self._play(playback, filler, ids)
                nursery.cancel_scope.cancel()
        finally:
            self.unsent = sum(not is_loose(_kind(entry)) for entry in playback.remaining)
            with trio.CancelScope(shield=True):  # bounded
                await self.link.close(*self._goodbye())

    async def _play(self, playback: Playback, filler: Filler, ids: IdMap) -> None:
        try:
            while not playback.finished and self.closed is None:
                for entry in playback.due(trio.current_time()):
                    await self._send(entry, filler, ids)
                await self._wait(playback.next_due)
                if playback.waits_for and self._is_silent():
                    self.waited_for = playback.waits_for
                    return
            while self.closed is None and not self._is_silent() and (self._missing.total() or self._must_close):
                await self._wait(None)
            with trio.move_on_after(_SETTLE_SECONDS):
                while self.closed is None:
                    self._wake = trio.Event()
                    await self._wake.wait()
        except LinkClosed as closed:
            self.closed = closed

    async def _wait(self, until: float | None) -> None:
        """Wait until this time, or until something comes, or for the time-out."""
        self._wake = trio.Event()
        limit = self._moved_at + self.timeout
        with trio.move_on_at(min(limit, until if until is not None else math.inf)):
            await self._wake.wait()
        await trio.lowlevel.checkpoint()

    def _is_silent(self) -> bool:
        return trio.current_time() >= self._moved_at + self.timeout

    @property
    def _must_close(self) -> bool:
        """Whether the other side closed in the recording."""
        ending = self.capture.ending
        return self.from_client and isinstance(ending, ClosedEnding) and ending.by_peer

    async def _send(self, entry: CaptureEntry, filler: Filler, ids: IdMap) -> None:
        at = trio.current_time() - self._started_at
        if entry.binary:
            data = filler.audio(entry)
            await self.link.send_binary(data)
            self.entries.append(self.frames.binary(data, at, from_client=self.from_client))
        else:
            text = msgspec.json.encode(ids.translated(filler.event(entry)))
            await self.link.send_text(text)
            self.entries.append(self.frames.text(text, at, from_client=self.from_client))
        self.sent += 1
        self.sent_audio_ms += entry.audio_ms
        self._moved_at = trio.current_time()

    async def _receive(self, playback: Playback, ids: IdMap) -> None:
        try:
            while True:
                message = await self.link.receive()
                now = self._moved_at = trio.current_time()
                make = self.frames.binary if isinstance(message, bytes) else self.frames.text
                entry = make(message, now - self._started_at, from_client=not self.from_client)  # type: ignore[arg-type]
                self.entries.append(entry)
                if not entry.unreadable:
                    event = entry.event
                    ids.learn(event)
                    playback.heard(event, now, binary=entry.binary, audio_ms=entry.audio_ms)
                    self.kinds.append(_kind(entry))
                    self._missing -= Counter([self.kinds[-1]])
                self._wake.set()
        except LinkClosed as closed:
            self.closed = closed
            self._wake.set()

    def _goodbye(self) -> tuple[int, str]:
        ending = self.capture.ending
        if not self.from_client and isinstance(ending, ClosedEnding) and ending.code is not None:
            return (ending.code, ending.reason) if is_sendable_close_code(ending.code) else (1011, "")
        return 1000, ""


def _kind(entry: CaptureEntry) -> str:
    return frame_kind(entry.event, binary=entry.binary)


def wrong_side(entries: Sequence[CaptureEntry], *, from_client: bool) -> bool:
    """Whether a recording has nothing to play on this side."""
    own = CLIENT_SIDE if from_client else SERVER_SIDE
    return not any(entry.who in own and not entry.unreadable for entry in entries)
