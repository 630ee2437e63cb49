"""A voice client that speaks either protocol: it plays a plan's steps, verifies that the session works, and leaves.

When its socket ends before that, it connects again. It checks nothing itself: what it receives goes into the
connection's record.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, assert_never

import msgspec
import trio

from bridge.client_protocol.client import ReportedState
from bridge.simulation.connection import ConnectionRecord, ReceivedMessage
from bridge.simulation.plan import AnswerToolStep, SendStep, SpeakStep, WaitStep
from bridge.simulation.protocols import CallerProtocol, JsonCallerProtocol, NativeCallerProtocol
from bridge.transport.link import HandshakeRefused, LinkClosed
from bridge.upstream.dial.errors import DialFailed
from bridge.upstream.dial.handshake import upgrade

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.simulation.plan import CallPlan, CallStep
    from bridge.simulation.trace import Trace
    from bridge.transport.websocket import WebSocketLink

#: How long anything may take once the faults have ended: missed pings, attempts and waits, one after another.
RECOVERY_SECONDS = 200.0
_CONNECT_SECONDS = 5.0
_POLL_SECONDS = 1.0
_PONG_SECONDS = 30.0
_ARRIVAL_SECONDS = 100.0
_MAX_CONNECTIONS = 25
_MAX_VERIFICATIONS = 5
_NO_SESSION = (ReportedState.NONE, ReportedState.ENDED)
_READY_OR_ENDED = (ReportedState.READY, ReportedState.ENDED)
#: Events with which a client discards its own speech.
_GIVES_UP_SPEECH = frozenset({"end_session", "input_audio_buffer.clear"})
_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


class ConnectionAbandoned(Exception):  # noqa: N818 - the reason why a connection ends
    """The socket is closed, or the bridge doesn't answer on it."""


class SimulatedCaller:
    """One caller, over all of its connections."""

    def __init__(
        self, plan: CallPlan, seed: int, trace: Trace, open_connection: Callable[[str], ConnectionRecord]
    ) -> None:
        """`open_connection` opens a link to the bridge, under a name, and gives the record of the new connection."""
        self._plan, self._trace, self._open_connection = plan, trace, open_connection
        self._rng = random.Random(f"caller:{seed}:{plan.number}")
        self._protocol = self._new_protocol()
        self.connections: list[ConnectionRecord] = []
        self.faults_ended = trio.Event()
        """Set when no more faults come."""
        self.rejected = False
        """Whether the bridge refused the upgrade."""
        self._reading, self._changed = trio.Event(), trio.Event()
        self._reading.set()
        self._scope = trio.CancelScope()
        self._socket: WebSocketLink | None = None

    def _new_protocol(self) -> CallerProtocol:
        return NativeCallerProtocol(flat=self._plan.beta) if self._plan.native else JsonCallerProtocol()

    @property
    def current(self) -> ConnectionRecord | None:
        """The connection that is open; None where there is none."""
        return self.connections[-1] if self.connections and not self.connections[-1].ended else None

    async def run(self) -> None:
        """Connect again and again until one was verified or capped, a problem was found, or the bridge refuses."""
        await trio.sleep(self._plan.starts_at)
        steps = list(self._plan.steps)
        while len(self.connections) < _MAX_CONNECTIONS and not self.rejected:
            await self._run_connection(steps)
            last = self.connections[-1]
            if self.faults_ended.is_set() and (last.verified or last.problem or last.capped):
                return
            await trio.sleep(self._rng.uniform(0.1, 1.0))

    # Disruptions

    def disconnect(self, *, with_close_frame: bool) -> None:
        """End the connection, whatever the caller is doing."""
        connection, socket = self.current, self._socket
        if connection is None or socket is None:
            return
        connection.left = True
        self._trace.fault(connection.name, "leave")
        if not with_close_frame:
            self._socket = None
        self._scope.cancel()

    async def stop_reading(self, seconds: float) -> None:
        """Leave what the bridge sends unread for `seconds`, as a stalled client does. Nothing without a connection."""
        if self._reading.is_set() and (connection := self.current) is not None:
            self._trace.fault(connection.name, "slow-client")
            self._reading, connection.reads_from = trio.Event(), math.inf
            await trio.sleep(seconds)
            self._reading.set()
            connection.reads_from = trio.current_time()

    # One connection

    async def _run_connection(self, steps: list[CallStep]) -> None:
        connection = self._open_connection(f"caller-{self._plan.number}.{len(self.connections) + 1}")
        self.connections.append(connection)
        self._protocol = self._new_protocol()
        with trio.CancelScope() as self._scope:
            try:
                await self._connect(connection)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._receive_all, connection, nursery.cancel_scope)
                    await self._play(connection, steps)
                    nursery.cancel_scope.cancel()
            except* ConnectionAbandoned:
                pass
        await self._close(connection)

    async def _connect(self, connection: ConnectionRecord) -> None:
        self._socket = None
        try:
            with trio.fail_after(_CONNECT_SECONDS):
                endpoint = self._protocol.endpoint(self._plan.session_options)
                self._socket = (await upgrade(connection.link.near, endpoint)).link
        except (HandshakeRefused, DialFailed, trio.TooSlowError) as error:
            self.rejected = isinstance(error, HandshakeRefused)
            connection.left = connection.closed is None
            await trio.aclose_forcefully(connection.link.near)
            raise ConnectionAbandoned from error
        connection.opened = True

    async def _close(self, connection: ConnectionRecord) -> None:
        """Close the socket, with a Close frame unless the caller disconnected without one."""
        socket, self._socket = self._socket, None
        if connection.closed is None:
            connection.left, connection.left_at = True, trio.current_time()
            self._trace.note(connection.name, "leaves")
        if socket is None:
            await trio.aclose_forcefully(connection.link.near)
        else:
            await socket.close(1000)
        self._reading.set()

    async def _receive_all(self, connection: ConnectionRecord, playing: trio.CancelScope) -> None:
        socket = self._require_socket()
        try:
            while True:
                await self._reading.wait()
                self._record(connection, await socket.receive())
        except LinkClosed as end:
            if not connection.left:
                connection.closed = (end.code, end.reason, end.by_peer)
            self._trace.note(connection.name, f"closed {end.code} {end.reason}")
        playing.cancel()

    def _require_socket(self) -> WebSocketLink:
        if self._socket is None:
            raise ConnectionAbandoned
        return self._socket

    def _record(self, connection: ConnectionRecord, frame: str | bytes) -> None:
        kind, body = self._protocol.parse(frame)
        message = ReceivedMessage(trio.current_time(), kind, body)
        self._trace.note(connection.name, f"> {kind} {body.get('event_id') or _summary(message)}")
        connection.record(message, self._protocol.state)
        self._changed.set()
        self._changed = trio.Event()

    async def _wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until a condition holds; False when it didn't in time."""
        with trio.move_on_after(seconds):
            while not condition():
                changed = self._changed
                with trio.move_on_after(_POLL_SECONDS):  # some conditions change without a message
                    await changed.wait()
            return True
        return False

    # Steps

    async def _play(self, connection: ConnectionRecord, steps: list[CallStep]) -> None:
        await self._send_all(connection, self._protocol.open_session(self._plan.session_options))
        while steps:
            await self._play_step(connection, steps.pop(0))
        await self.faults_ended.wait()
        await self._verify(connection)

    async def _play_step(self, connection: ConnectionRecord, step: CallStep) -> None:
        match step:
            case SpeakStep():
                await self._speak(connection, step)
            case SendStep(message):
                if message["type"] in _GIVES_UP_SPEECH:
                    connection.waive_speech()
                await self._send(connection, self._protocol.encode(message))
            case WaitStep(seconds):
                await trio.sleep(seconds)
            case AnswerToolStep():
                if connection.call_id is not None:
                    await self._send_all(connection, self._protocol.tool_result(connection.call_id, "42"))
                    connection.call_id = None
            case _:
                assert_never(step)

    async def _speak(self, connection: ConnectionRecord, step: SpeakStep) -> None:
        source = connection.source
        begin = source.sent_ms
        connection.speech.append((begin, begin))
        while (spoken := source.sent_ms - begin) < step.ms:
            chunk = min(step.chunk_ms, step.ms - spoken)
            pcm = source.speech(chunk)
            connection.speech[-1] = (begin, source.sent_ms)
            await self._send_audio(pcm, as_json=step.as_json)
            await trio.sleep(chunk / 1000)
        for _ in range(0, step.silence_ms, 200):
            await self._send_audio(source.silence(200), as_json=step.as_json)
            await trio.sleep(0.2)
        if self._plan.commits:
            await self._send_all(connection, self._protocol.commit(self._plan.session_options))

    async def _send_audio(self, pcm: bytes, *, as_json: bool) -> None:
        data, text = self._protocol.audio(pcm, as_json=as_json)
        await self._write(data, text=text)

    async def _send_all(self, connection: ConnectionRecord, frames: list[bytes]) -> None:
        for frame in frames:
            await self._send(connection, frame)

    async def _send(self, connection: ConnectionRecord, frame: bytes) -> None:
        self._trace.note(connection.name, f"< {msgspec.json.decode(frame)['type']}")
        await self._write(frame, text=True)

    async def _write(self, data: bytes, *, text: bool) -> None:
        socket = self._require_socket()
        try:
            await (socket.send_text(data) if text else socket.send_binary(data))
        except LinkClosed:  # the receiving task learns why, and ends the connection
            await trio.sleep(_CONNECT_SECONDS)
            raise ConnectionAbandoned from None

    # Verification

    async def _verify(self, connection: ConnectionRecord) -> None:
        """Check that the session works: it gets ready, answers a turn, and every word of it arrives.

        A session that was damaged before may fail over it, or be lost in the middle of its answer; but not every time.
        """
        await self._check_pong()
        before = connection.reconnections
        for _ in range(_MAX_VERIFICATIONS):
            problem = await self._await_ready(connection) or await self._await_answer(connection)
            if not problem:
                connection.verified = True
                self._trace.note(connection.name, "verified")
                return
            if connection.state is not ReportedState.ENDED and connection.reconnections == before:
                break
            before = connection.reconnections
        connection.problem = "" if connection.capped else problem

    async def _await_ready(self, connection: ConnectionRecord) -> str:
        """Wait for a session, a new one where there is none; give the problem, empty for none."""
        if connection.state in _NO_SESSION:
            await self._send_all(connection, self._protocol.open_session(self._plan.session_options))
            await self._wait_until(lambda: connection.state not in _NO_SESSION, _CONNECT_SECONDS)
        await self._wait_until(lambda: connection.state in _READY_OR_ENDED, RECOVERY_SECONDS)
        return "" if connection.state is ReportedState.READY else f"the session isn't ready, but {connection.state}"

    async def _await_answer(self, connection: ConnectionRecord) -> str:
        """Say something and wait for its answer; give the problem, empty for none."""
        answer = _TRANSCRIBED if self._plan.transcribes else "response.done"
        before, ended = connection.counts[answer], ReportedState.ENDED
        await self._speak(connection, SpeakStep(600, 200, 600, as_json=False))
        await self._wait_until(
            lambda: connection.counts[answer] > before or connection.state is ended, RECOVERY_SECONDS
        )
        if connection.counts[answer] == before:
            return f"no {answer} for the last turn; the session is {connection.state}"
        await self._wait_until(lambda: connection.missing_speech() <= connection.reported_dropped_ms, _ARRIVAL_SECONDS)
        missing, reported = connection.missing_speech(), connection.reported_dropped_ms
        if missing > reported:
            return f"{missing} ms of speech never arrived, {reported:g} ms were reported as dropped"
        await self._wait_until(lambda: connection.state in _READY_OR_ENDED, RECOVERY_SECONDS)
        return "" if connection.state is ReportedState.READY else f"the session ended up {connection.state}, not ready"

    async def _check_pong(self) -> None:
        """Abandon the connection when the bridge doesn't answer a ping: a link that went silent stays silent."""
        socket = self._require_socket()
        try:
            await socket.ping()
        except LinkClosed:
            raise ConnectionAbandoned from None
        if not await self._wait_until(lambda: not socket.pings_outstanding, _PONG_SECONDS):
            raise ConnectionAbandoned


def _summary(message: ReceivedMessage) -> str:
    """Give what tells one message from the next, without its time of day."""
    fields = {name: value for name, value in message.body.items() if name not in {"timestamp", "type", "message"}}
    return msgspec.json.encode(fields, order="deterministic").decode()
