"""A voice client, in either tongue: a plan's steps, then a proof that the call is whole, then goodbye.

It connects again when its socket ends before that. It judges nothing: what it is told goes into the visit's books.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, assert_never

import msgspec
import trio

from bridge.simulation.connection import ConnectionRecord, ReceivedMessage, ReportedSessionState
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

#: How long anything may take once the faults have stopped: missed pings, attempts and waits, one after another.
RECOVERY_SECONDS = 200.0
_CONNECT_SECONDS = 5.0
_LISTEN_SECONDS = 1.0
_ARRIVAL_SECONDS = 100.0
_MOST_VISITS = 25
_MOST_PROOFS = 5
_NO_SESSION = (ReportedSessionState.NONE, ReportedSessionState.ENDED)


class ConnectionAbandoned(Exception):  # noqa: N818 - the reason why a visit is given up
    """The socket is over, or nobody answers on it."""


class SimulatedCaller:
    """One caller, over all of its visits."""

    def __init__(self, plan: CallPlan, seed: int, trace: Trace, visit: Callable[[str], ConnectionRecord]) -> None:
        """`visit` opens a link to the bridge and gives the books of a new visit."""
        self._plan, self._trace, self._new_visit = plan, trace, visit
        self._tongue: CallerProtocol = NativeCallerProtocol(flat=plan.beta) if plan.native else JsonCallerProtocol()
        self._chance = random.Random(f"caller:{seed}:{plan.number}")
        self.connections: list[ConnectionRecord] = []
        self.faults_ended = trio.Event()
        """No faults any more."""
        self.rejected = False
        """The bridge lets nobody in."""
        self._reads, self._changed = trio.Event(), trio.Event()
        self._reads.set()
        self._visiting = trio.CancelScope()
        self._socket: WebSocketLink | None = None

    @property
    def current(self) -> ConnectionRecord | None:
        """The visit that goes on just now."""
        return self.connections[-1] if self.connections and not self.connections[-1].ended else None

    async def run(self) -> None:
        """Call, and call again, until it was proven that all is well, or nobody is let in any more."""
        await trio.sleep(self._plan.starts_at)
        steps = list(self._plan.steps)
        while len(self.connections) < _MOST_VISITS and not self.rejected:
            await self._visit(steps)
            if self.faults_ended.is_set() and (self.connections[-1].verified or self.connections[-1].problem):
                return
            await trio.sleep(self._chance.uniform(0.1, 1.0))

    # What befalls it

    def disconnect(self, *, with_close_frame: bool) -> None:
        """Go away in the middle of whatever it does."""
        visit, socket = self.current, self._socket
        if visit is None or socket is None:
            return
        visit.left = True
        self._trace.fault(visit.name, "leave")
        if not with_close_frame:
            self._socket = None
        self._visiting.cancel()

    async def stop_reading(self, seconds: float) -> None:
        """Read nothing for a while."""
        if self._reads.is_set() and self.current is not None:
            self._trace.fault(self.current.name, "slow-client")
            self._reads = trio.Event()
            await trio.sleep(seconds)
            self._reads.set()

    # A visit

    async def _visit(self, steps: list[CallStep]) -> None:
        visit = self._new_visit(f"caller-{self._plan.number}.{len(self.connections) + 1}")
        self.connections.append(visit)
        with trio.CancelScope() as self._visiting:
            try:
                await self._connect(visit)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._listen, visit, nursery.cancel_scope)
                    await self._talk(visit, steps)
                    nursery.cancel_scope.cancel()
            except* ConnectionAbandoned:
                pass
        await self._hang_up(visit)

    async def _connect(self, visit: ConnectionRecord) -> None:
        self._socket = None
        try:
            with trio.fail_after(_CONNECT_SECONDS):
                self._socket = (await upgrade(visit.link.near, self._tongue.endpoint(self._plan.session_options))).link
        except (HandshakeRefused, DialFailed, trio.TooSlowError) as error:
            self.rejected = isinstance(error, HandshakeRefused)
            visit.left = visit.closed is None
            await trio.aclose_forcefully(visit.link.near)
            raise ConnectionAbandoned from error
        visit.opened = True

    async def _hang_up(self, visit: ConnectionRecord) -> None:
        """Let go of the socket, with a Close frame unless it left without one."""
        socket, self._socket = self._socket, None
        if visit.closed is None:
            visit.left, visit.left_at = True, trio.current_time()
            self._trace.note(visit.name, "leaves")
        if socket is None:
            await trio.aclose_forcefully(visit.link.near)
        else:
            await socket.close(1000)
        self._reads.set()

    async def _listen(self, visit: ConnectionRecord, talking: trio.CancelScope) -> None:
        socket = self._open_socket()
        try:
            while True:
                await self._reads.wait()
                self._take(visit, await socket.receive())
        except LinkClosed as end:
            if not visit.left:
                visit.closed = (end.code, end.reason, end.by_peer)
            self._trace.note(visit.name, f"closed {end.code} {end.reason}")
        talking.cancel()

    def _open_socket(self) -> WebSocketLink:
        if self._socket is None:
            raise ConnectionAbandoned
        return self._socket

    def _take(self, visit: ConnectionRecord, frame: str | bytes) -> None:
        event_type, body = self._tongue.parse(frame)
        told = ReceivedMessage(trio.current_time(), event_type, body)
        self._trace.note(visit.name, f"> {told.type} {told.body.get('event_id') or _gist(told)}")
        visit.record(told)
        self._changed.set()
        self._changed = trio.Event()

    async def _until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Wait until something holds; False when it did not in time."""
        with trio.move_on_after(seconds):
            while not holds():
                changed = self._changed
                with trio.move_on_after(_LISTEN_SECONDS):  # some of what is waited for happens elsewhere
                    await changed.wait()
            return True
        return False

    # What it says

    async def _talk(self, visit: ConnectionRecord, steps: list[CallStep]) -> None:
        await self._send_all(visit, self._tongue.open_session(self._plan.session_options))
        while steps:
            await self._step(visit, steps.pop(0))
        await self.faults_ended.wait()
        await self._prove(visit)

    async def _step(self, visit: ConnectionRecord, step: CallStep) -> None:
        match step:
            case SpeakStep():
                await self._speak(visit, step)
            case SendStep(message):
                if message["type"] in _GIVES_UP_SPEECH:
                    visit.waive_speech()
                await self._send(visit, message)
            case WaitStep(seconds):
                await trio.sleep(seconds)
            case AnswerToolStep():
                if visit.call_id is not None:
                    await self._send_all(visit, self._tongue.tool_result(visit.call_id, "42"))
                    visit.call_id = None
            case _:
                assert_never(step)

    async def _speak(self, visit: ConnectionRecord, step: SpeakStep) -> None:
        begin = visit.source.sent_ms
        visit.speech.append((begin, begin))
        while (said := visit.source.sent_ms - begin) < step.ms:
            chunk = min(step.chunk_ms, step.ms - said)
            pcm = visit.source.speech(chunk)
            visit.speech[-1] = (begin, visit.source.sent_ms)
            await self._send_audio(pcm, as_json=step.as_json)
            await trio.sleep(chunk / 1000)
        for _ in range(0, step.silence_ms, 200):
            await self._send_audio(visit.source.silence(200), as_json=step.as_json)
            await trio.sleep(0.2)
        if self._plan.commits:
            await self._send_all(visit, self._tongue.commit(self._plan.session_options))

    async def _send_audio(self, pcm: bytes, *, as_json: bool) -> None:
        data, text = self._tongue.audio(pcm, as_json=as_json)
        await self._write(data, text=text)

    async def _send_all(self, visit: ConnectionRecord, messages: list[Any]) -> None:
        for message in messages:
            await self._send(visit, message)

    async def _send(self, visit: ConnectionRecord, message: Any) -> None:
        self._trace.note(visit.name, f"< {message['type']}")
        await self._write(msgspec.json.encode(message), text=True)

    async def _write(self, data: bytes, *, text: bool) -> None:
        socket = self._open_socket()
        try:
            await (socket.send_text(data) if text else socket.send_binary(data))
        except LinkClosed:  # the listener learns why, and ends the visit
            await trio.sleep(_CONNECT_SECONDS)
            raise ConnectionAbandoned from None

    # That all is well

    async def _prove(self, visit: ConnectionRecord) -> None:
        """Get to ready, say one more thing, and wait for its answer and for every word's arrival.

        A session that was ill already may fail over it, or be lost in the middle of its answer; not for ever.
        """
        await self._check_line()
        before = visit.reconnections
        for _ in range(_MOST_PROOFS):
            trouble = await self._get_ready(visit) or await self._get_an_answer(visit)
            if not trouble:
                visit.verified = True
                self._trace.note(visit.name, "proven")
                return
            if visit.state is not ReportedSessionState.ENDED and visit.reconnections == before:
                break
            before = visit.reconnections
        visit.problem = trouble

    async def _get_ready(self, visit: ConnectionRecord) -> str:
        """Wait for a session, a new one where there is none; say what is wrong."""
        if visit.state in _NO_SESSION:
            await self._send_all(visit, self._tongue.open_session(self._plan.session_options))
            await self._until(lambda: visit.state not in _NO_SESSION, _CONNECT_SECONDS)
        await self._until(
            lambda: visit.state in (ReportedSessionState.READY, ReportedSessionState.ENDED), RECOVERY_SECONDS
        )
        return "" if visit.state is ReportedSessionState.READY else f"not ready, but {visit.state}"

    async def _get_an_answer(self, visit: ConnectionRecord) -> str:
        """Say something and wait until it is answered; say what is wrong."""
        wanted = _WRITTEN if self._plan.transcribes else "response.done"
        before = visit.counts[wanted]
        await self._speak(visit, SpeakStep(600, 200, 600, as_json=False))
        over = ReportedSessionState.ENDED
        await self._until(lambda: visit.counts[wanted] > before or visit.state is over, RECOVERY_SECONDS)
        if visit.counts[wanted] == before:
            return f"no {wanted} for the last words, {visit.state}"
        await self._until(lambda: visit.missing_speech() <= visit.reported_dropped_ms, _ARRIVAL_SECONDS)
        if visit.missing_speech() > visit.reported_dropped_ms:
            return f"{visit.missing_speech()} ms of speech are gone, {visit.reported_dropped_ms:g} ms were reported"
        await self._until(lambda: visit.state in (ReportedSessionState.READY, over), RECOVERY_SECONDS)
        return "" if visit.state is ReportedSessionState.READY else f"not ready at the end, but {visit.state}"

    async def _check_line(self) -> None:
        """Give the visit up when nobody answers: a socket that was silent before stays so."""
        socket = self._open_socket()
        try:
            await socket.ping()
        except LinkClosed:
            raise ConnectionAbandoned from None
        if not await self._until(lambda: not socket.pings_outstanding, 30.0):
            raise ConnectionAbandoned


#: What a client takes back of its own will.
_GIVES_UP_SPEECH = frozenset({"end_session", "input_audio_buffer.clear"})
_WRITTEN = "conversation.item.input_audio_transcription.completed"


def _gist(told: ReceivedMessage) -> str:
    """Give what tells one message from the next, without its time of day."""
    shown = {name: value for name, value in told.body.items() if name not in {"timestamp", "type", "message"}}
    return msgspec.json.encode(shown, order="deterministic").decode()
