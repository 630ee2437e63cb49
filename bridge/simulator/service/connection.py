"""One WebSocket connection: drives a script over a link, faults on the wire included.

One task reads, thinks and writes, so everything of a connection happens in one order; the wire's acts wait in a queue
of due times, not in tasks.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, assert_never

import trio

from bridge.protocol.events.peek import peek
from bridge.simulator.faults.base import apply_faults
from bridge.simulator.faults.pipeline import CloseFrame, Drop, Freeze, RawBytes, Reset, TextFrame, TimedAction
from bridge.simulator.session.behaviour import PING_SECONDS
from bridge.transport.link import LinkClosed

#: A connection that is behind with everything still listens this long before it goes on: it must not turn deaf.
_LISTEN_SECONDS = 0.001

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.protocol.audio.tracer import TracerReceiver
    from bridge.simulator.faults.base import Fault
    from bridge.simulator.faults.pipeline import FaultPipeline, WireAction
    from bridge.simulator.service.journal import SessionRecord
    from bridge.simulator.session.session import SimulatedSession
    from bridge.transport.websocket import WebSocketLink


class Connection:
    """A session at the socket, from `session.created` to the close."""

    def __init__(
        self, script: SimulatedSession, wire: FaultPipeline, record: SessionRecord, ping_seconds: float | None = None
    ) -> None:
        self.session, self.pipeline, self.record = script, wire, record
        self._ping_seconds = ping_seconds or PING_SECONDS
        self._ping_at = math.inf
        self._receiving = trio.CancelScope()
        self._began = 0.0
        self._over = self._frozen = False

    async def run(self, link: WebSocketLink) -> None:
        """Serve the session to its end. Raises nothing but Cancelled."""
        now = self._began = trio.current_time()
        self._ping_at = now + self._ping_seconds
        self.pipeline.on_connect(now)
        self.pipeline.send(self.session.start(now), now)
        try:
            await self._turns(link)
        except LinkClosed as end:
            self._ended(end.code, end.reason, by_client=end.by_peer)

    async def _turns(self, link: WebSocketLink) -> None:
        while True:
            await self._send_due(link)
            if self._over:
                return
            frame = None
            deadline = max(self._deadline(), trio.current_time() + _LISTEN_SECONDS)
            with trio.CancelScope(deadline=deadline) as self._receiving:
                frame = await self._next_frame(link)
            now = trio.current_time()
            if frame is None:
                self.pipeline.send(self.session.wake(now), now)
                continue
            event_type = self._arrived(frame, now)
            self.pipeline.send(self.session.receive(frame, now), now)
            self.pipeline.on_client_event(event_type, now)

    async def _next_frame(self, link: WebSocketLink) -> str | bytes:
        if self._frozen:
            await trio.sleep_forever()
        return await link.receive()

    def _deadline(self) -> float:
        """When something is due without a frame."""
        times = (self.session.next_wake, self.pipeline.next_due_at, None if self._frozen else self._ping_at)
        return min((time for time in times if time is not None), default=math.inf)

    def _arrived(self, frame: str | bytes, now: float) -> str | None:
        event_type = peek(frame) if isinstance(frame, str) else "(binary)"
        self.record.record_event(event_type or "(no type)", now - self._began)
        return event_type

    async def _send_due(self, link: WebSocketLink) -> None:
        now = trio.current_time()
        if now >= self._ping_at and not self._frozen:
            self._ping_at = now + self._ping_seconds
            await link.ping()
        for act in self.pipeline.pop_due(now):
            if not self._over and not self._frozen:
                await self._do(act, link)

    async def _do(self, act: WireAction, link: WebSocketLink) -> None:
        match act:
            case TextFrame(event_type, data):
                self.record.sent[event_type] += 1
                await link.send_text(data)
            case RawBytes(data):
                await link.send_raw(data)
            case CloseFrame(code, reason):
                self._ended(code, reason, by_client=False)
                await link.close(code, reason)
            case Drop():
                self._ended(None, "", by_client=False)
                await link.stream.aclose()
            case Reset():
                self._ended(None, "", by_client=False)
                await link.abort()
            case Freeze():
                self._frozen = True
            case _:
                assert_never(act)

    def _ended(self, code: int | None, reason: str, *, by_client: bool) -> None:
        if not self.record.closed:
            record = self.record
            record.closed, record.close_code, record.close_reason = True, code, reason
            record.closed_by_client = by_client
        self._over = True

    # What the control API does to a running session.

    def add_faults(self, faults: Sequence[Fault]) -> None:
        """Put these faults on the session from now on."""
        self.session.change_behaviour(lambda behaviour: apply_faults(faults, behaviour))
        self.pipeline.add_faults(faults)
        self._receiving.cancel()

    def perform(self, act: WireAction) -> None:
        """Do this next: a close, a drop, a reset."""
        self._frozen = False
        self.pipeline.send_first(TimedAction(trio.current_time(), act))
        self._receiving.cancel()


class AudioCounter:
    """Counts the audio of one session, and the tracer audio of its key."""

    def __init__(self, record: SessionRecord, account: TracerReceiver) -> None:
        self._record, self._stream = record, account.stream()

    def __call__(self, pcm: bytes) -> None:
        """Take a piece of audio, decoded to PCM16."""
        self._record.audio_bytes += len(pcm)
        self._stream.feed(pcm)

    def finish(self) -> None:
        """The session is over: what is half a tracer cell now stays one."""
        self._stream.finish()
