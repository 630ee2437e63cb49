"""One WebSocket connection of the simulated service: runs a session over a link, with faults on the wire.

A connection has no task of its own while it runs. Each message of the client is answered in the call that hands it
over, and a timer does what is due later, so everything on a connection happens in one order. Delayed actions wait in
the pipeline's queue.

A client that does not read stops its session, as the blocked writes of a service do: once MAX_UNSENT_BYTES wait to be
written, nothing more is read, sent or decided until all of them are written.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, assert_never

import trio

from bridge.protocol.events.peek import peek
from bridge.simulator.faults.actions import CloseFrame, Drop, Freeze, RawBytes, Reset, TextFrame, TimedAction
from bridge.simulator.faults.base import apply_faults
from bridge.simulator.session.behaviour import PING_SECONDS
from bridge.transport.carriers import carrier_for
from bridge.transport.push_link import PushLink
from bridge.transport.timers import current_timers
from bridge.transport.websocket import CLOSE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.protocol.audio.tracer import TracerReceiver
    from bridge.simulator.faults.actions import WireAction
    from bridge.simulator.faults.base import Fault
    from bridge.simulator.faults.pipeline import FaultPipeline
    from bridge.simulator.service.journal import SessionRecord
    from bridge.simulator.session.recorded import RecordedSession
    from bridge.simulator.session.session import SimulatedSession
    from bridge.simulator.session.state import ServerOutput
    from bridge.transport.timers import Timer
    from bridge.transport.websocket import WebSocketLink

#: How many bytes may wait to be written, beyond what the socket's own buffer holds: one second of speech as deltas.
MAX_UNSENT_BYTES: Final = 64 * 1024
#: What nearly all messages are, and how they begin: then there is no need to look further for the type.
_APPEND: Final = "input_audio_buffer.append"
_APPEND_OPENING: Final = b'{"type":"input_audio_buffer.append",'
#: The shortest time from one wake-up to the next. A session that is behind schedule does not keep others from running.
_MIN_WAKE_SECONDS: Final = 0.001
#: How often to look whether everything is written before the end.
_END_SECONDS: Final = 0.01


class Connection:
    """A WebSocket connection from the 101 to the close. It is the `MessageHandler` of its link."""

    __slots__ = (
        "_blocked",
        "_ended",
        "_error",
        "_frozen",
        "_last_action",
        "_link",
        "_ping_at",
        "_ping_seconds",
        "_scope",
        "_started_at",
        "_timer",
        "pipeline",
        "record",
        "session",
    )

    def __init__(
        self,
        session: SimulatedSession | RecordedSession,
        pipeline: FaultPipeline,
        record: SessionRecord,
        ping_seconds: float | None = None,
    ) -> None:
        """`record` collects what the client sends; `ping_seconds` defaults to the recorded interval of 20.26 s."""
        self.session, self.pipeline, self.record = session, pipeline, record
        self._ping_seconds = ping_seconds or PING_SECONDS
        self._ping_at = math.inf
        self._started_at = 0.0
        self._link: PushLink
        self._timer: Timer
        self._scope: trio.CancelScope
        self._error: Exception | None = None
        self._last_action: CloseFrame | Drop | Reset | None = None
        self._ended = self._frozen = False
        self._blocked = False
        """Whether the client has not read what it was sent, so that everything waits."""

    async def run(self, link: WebSocketLink) -> None:
        """Run the session until the link is closed. Raises nothing but Cancelled."""
        self._link = PushLink(link, max_unsent_bytes=MAX_UNSENT_BYTES, make_carrier=carrier_for)
        self._link.on_written = self._on_written
        self._timer = current_timers().timer(self._on_timer)
        now = self._started_at = trio.current_time()
        self._ping_at = now + self._ping_seconds
        self.pipeline.on_connect(now)
        self.pipeline.send(self.session.start(now), now)
        try:
            with trio.CancelScope() as self._scope:
                self._act(now)
                end = await self._link.run(self)
                self._record_end(end.code, end.reason, by_client=end.by_peer)
        finally:
            self._ended = True
            self._timer.stop()
        if self._error is not None:
            raise self._error
        await self._end_link(link)

    async def _end_link(self, link: WebSocketLink) -> None:
        """Do what ends the connection, if it was us who ended it."""
        match self._last_action:
            case CloseFrame(code, reason):
                await self._link.close(code, reason)
            case Drop():
                await link.stream.aclose()
            case Reset():
                await self._link.abort()

    # What the client sends, and what time brings

    def on_text(self, data: bytes) -> None:
        """Answer a client event."""
        if not self._ended:
            event_type, now = _APPEND if data.startswith(_APPEND_OPENING) else peek(data), self._link.now
            self.record.record_event(event_type or "(no type)", now - self._started_at)
            self._answer(self.session.receive(data, now), event_type, now)

    def on_binary(self, data: bytes) -> None:
        """Answer a binary message."""
        if not self._ended:
            now = self._link.now
            self.record.record_event("(binary)", now - self._started_at)
            self._answer(self.session.receive_binary(data, now), "(binary)", now)

    def on_control_frames(self, frames: int) -> None:
        """Do nothing: the simulator limits no rates."""

    def on_too_large(self, reason: str) -> None:
        """Do nothing: the link itself closes when a message is too large."""

    def _answer(self, outputs: Sequence[ServerOutput], event_type: str | None, now: float) -> None:
        if outputs:
            self.pipeline.send(outputs, now)
        self.pipeline.on_client_event(event_type, now)
        self._act(now)

    def _on_timer(self, now: float) -> None:
        if self._ended:
            self._end_if_written(now)
            return
        try:
            self.pipeline.send(self.session.wake(now), now)
            self._act(now)
        except Exception as error:  # noqa: BLE001 - `run` raises it; the timers of others go on
            self._error = error
            self._stop()

    def _on_written(self, _messages: int, _seconds: float) -> None:
        if self._ended:
            self._scope.cancel()
        elif self._blocked:
            self._blocked = False
            if not self._frozen:
                self._link.resume()
            self._timer.set(trio.current_time())

    def _end_if_written(self, now: float) -> None:
        """End the run now or look again soon: `_on_written` tells about messages, not about raw bytes and pongs."""
        if self._link.unsent_bytes:
            self._timer.set(now + _END_SECONDS)
        else:
            self._scope.cancel()

    # What the connection does

    def _act(self, now: float) -> None:
        """Do what is due, and set the timer for what is due next."""
        if self._blocked or self._ended:
            return
        if now >= self._ping_at:
            self._ping_at = now + self._ping_seconds
            if not self._frozen:
                self._link.ping()
        due = self.pipeline.next_due_at
        if due is not None and due <= now:
            self._send_due(now)
        self._set_timer(now)

    def _set_timer(self, now: float) -> None:
        at, wake, due = self._ping_at, self.session.next_wake, self.pipeline.next_due_at
        if wake is not None and wake < at:
            at = wake
        if due is not None and due < at:
            at = due
        if not self._ended:
            self._timer.set(math.inf if self._blocked else max(at, now + _MIN_WAKE_SECONDS))

    def _send_due(self, now: float) -> None:
        for action in self.pipeline.pop_due(now):
            if self._ended:
                return
            if not self._frozen and not self._carry_out(action, now):
                self.pipeline.send_first(TimedAction(now, action))
                self._blocked = True
                self._link.pause()
                return

    def _carry_out(self, action: WireAction, now: float) -> bool:
        """Carry out an action. False, and nothing is done, if too much waits to be written."""
        match action:
            case TextFrame(event_type, data):
                if not self._link.send_text(data, now):
                    return False
                self.record.sent[event_type] += 1
            case RawBytes(data):
                self._link.send_raw(data)
            case CloseFrame(code, reason):
                self._end_with(action, code, reason)
            case Drop() | Reset():
                self._end_with(action, None, "")
            case Freeze():
                self._frozen = True
                self._link.pause()
            case _:
                assert_never(action)
        return True

    def _end_with(self, action: CloseFrame | Drop | Reset, code: int | None, reason: str) -> None:
        """End the connection with this action, once what was sent before is written, or after CLOSE_SECONDS."""
        self._record_end(code, reason, by_client=False)
        self._last_action = action
        self._stop()

    def _stop(self) -> None:
        self._ended = True
        self._link.pause()
        now = trio.current_time()
        self._scope.deadline = now + CLOSE_SECONDS if self._error is None else now
        self._end_if_written(now)

    def _record_end(self, code: int | None, reason: str, *, by_client: bool) -> None:
        if not self.record.closed:
            record = self.record
            record.closed, record.close_code, record.close_reason = True, code, reason
            record.closed_by_client = by_client

    # What the control API and tests do to a running session.

    def add_faults(self, faults: Sequence[Fault]) -> None:
        """Apply these faults to the session from now on."""
        self.session.change_behaviour(lambda behaviour: apply_faults(faults, behaviour))
        self.pipeline.add_faults(faults)
        self._set_timer(trio.current_time())

    def perform(self, action: WireAction) -> None:
        """Carry out an action, such as a close, before everything that is queued. It also ends a freeze."""
        if self._ended:
            return
        now = trio.current_time()
        if self._frozen:
            self._frozen = False
            if not self._blocked:
                self._link.resume()
        if not self._carry_out(action, now):
            self.pipeline.send_first(TimedAction(now, action))
        self._act(now)


class AudioCounter:
    """Counts the audio of one session, and the tracer audio in it for the session's key."""

    __slots__ = ("_record", "_stream")

    def __init__(self, record: SessionRecord, receiver: TracerReceiver) -> None:
        self._record, self._stream = record, receiver.stream()

    def __call__(self, pcm: bytes) -> None:
        """Count a piece of audio, decoded to PCM16."""
        self._record.audio_bytes += len(pcm)
        self._stream.feed(pcm)

    def finish(self) -> None:
        """End the stream: a tracer cell that is incomplete now counts as incomplete."""
        self._stream.finish()
