"""One WebSocket connection of the simulated service: runs a session over a link, with faults on the wire.

A single task reads, decides and writes, so everything on a connection happens in one order. Delayed actions wait in the
pipeline's queue, not in tasks of their own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, assert_never

import trio

from bridge.protocol.events.peek import peek
from bridge.simulator.faults.actions import CloseFrame, Drop, Freeze, RawBytes, Reset, TextFrame, TimedAction
from bridge.simulator.faults.base import apply_faults
from bridge.simulator.session.behaviour import PING_SECONDS
from bridge.transport.link import LinkClosed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.protocol.audio.tracer import TracerReceiver
    from bridge.simulator.faults.actions import WireAction
    from bridge.simulator.faults.base import Fault
    from bridge.simulator.faults.pipeline import FaultPipeline
    from bridge.simulator.service.journal import SessionRecord
    from bridge.simulator.session.session import SimulatedSession
    from bridge.transport.websocket import WebSocketLink

#: A connection that is behind schedule still waits this long for a frame in each round, so that it never stops reading.
_MIN_RECEIVE_SECONDS = 0.001


class Connection:
    """A WebSocket connection from the 101 to the close."""

    def __init__(
        self,
        session: SimulatedSession,
        pipeline: FaultPipeline,
        record: SessionRecord,
        ping_seconds: float | None = None,
    ) -> None:
        """`record` collects what the client sends; `ping_seconds` defaults to the recorded interval of 20.26 s."""
        self.session, self.pipeline, self.record = session, pipeline, record
        self._ping_seconds = ping_seconds or PING_SECONDS
        self._ping_at = math.inf
        self._receive_scope = trio.CancelScope()
        self._started_at = 0.0
        self._ended = self._frozen = False

    async def run(self, link: WebSocketLink) -> None:
        """Run the session until the link is closed. Raises nothing but Cancelled."""
        now = self._started_at = trio.current_time()
        self._ping_at = now + self._ping_seconds
        self.pipeline.on_connect(now)
        self.pipeline.send(self.session.start(now), now)
        try:
            await self._run_rounds(link)
        except LinkClosed as end:
            self._record_end(end.code, end.reason, by_client=end.by_peer)

    async def _run_rounds(self, link: WebSocketLink) -> None:
        """Send what is due, then wait for a frame or for the next deadline; repeat."""
        while True:
            await self._send_due(link)
            if self._ended:
                return
            frame = None
            deadline = max(self._deadline(), trio.current_time() + _MIN_RECEIVE_SECONDS)
            with trio.CancelScope(deadline=deadline) as self._receive_scope:
                frame = await self._receive(link)
            now = trio.current_time()
            if frame is None:
                self.pipeline.send(self.session.wake(now), now)
                continue
            event_type = self._record_frame(frame, now)
            self.pipeline.send(self.session.receive(frame, now), now)
            self.pipeline.on_client_event(event_type, now)

    async def _receive(self, link: WebSocketLink) -> str | bytes:
        if self._frozen:
            await trio.sleep_forever()
        return await link.receive()

    def _deadline(self) -> float:
        """When the connection has something to do even if no frame arrives."""
        times = (self.session.next_wake, self.pipeline.next_due_at, None if self._frozen else self._ping_at)
        return min((time for time in times if time is not None), default=math.inf)

    def _record_frame(self, frame: str | bytes, now: float) -> str | None:
        event_type = peek(frame) if isinstance(frame, str) else "(binary)"
        self.record.record_event(event_type or "(no type)", now - self._started_at)
        return event_type

    async def _send_due(self, link: WebSocketLink) -> None:
        now = trio.current_time()
        if now >= self._ping_at and not self._frozen:
            self._ping_at = now + self._ping_seconds
            await link.ping()
        for action in self.pipeline.pop_due(now):
            if not self._ended and not self._frozen:
                await self._carry_out(action, link)

    async def _carry_out(self, action: WireAction, link: WebSocketLink) -> None:
        match action:
            case TextFrame(event_type, data):
                self.record.sent[event_type] += 1
                await link.send_text(data)
            case RawBytes(data):
                await link.send_raw(data)
            case CloseFrame(code, reason):
                self._record_end(code, reason, by_client=False)
                await link.close(code, reason)
            case Drop():
                self._record_end(None, "", by_client=False)
                await link.stream.aclose()
            case Reset():
                self._record_end(None, "", by_client=False)
                await link.abort()
            case Freeze():
                self._frozen = True
            case _:
                assert_never(action)

    def _record_end(self, code: int | None, reason: str, *, by_client: bool) -> None:
        if not self.record.closed:
            record = self.record
            record.closed, record.close_code, record.close_reason = True, code, reason
            record.closed_by_client = by_client
        self._ended = True

    # What the control API and tests do to a running session.

    def add_faults(self, faults: Sequence[Fault]) -> None:
        """Apply these faults to the session from now on."""
        self.session.change_behaviour(lambda behaviour: apply_faults(faults, behaviour))
        self.pipeline.add_faults(faults)
        self._receive_scope.cancel()

    def perform(self, action: WireAction) -> None:
        """Carry out an action, such as a close, before everything that is queued. It also ends a freeze."""
        self._frozen = False
        self.pipeline.send_first(TimedAction(trio.current_time(), action))
        self._receive_scope.cancel()


class AudioCounter:
    """Counts the audio of one session, and the tracer audio in it for the session's key."""

    def __init__(self, record: SessionRecord, receiver: TracerReceiver) -> None:
        self._record, self._stream = record, receiver.stream()

    def __call__(self, pcm: bytes) -> None:
        """Count a piece of audio, decoded to PCM16."""
        self._record.audio_bytes += len(pcm)
        self._stream.feed(pcm)

    def finish(self) -> None:
        """End the stream: a tracer cell that is incomplete now counts as incomplete."""
        self._stream.finish()
