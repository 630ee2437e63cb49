"""A voice client, in either tongue: a plan's steps, then a proof that the call is whole, then goodbye.

It connects again when its socket ends before that. It judges nothing: what it is told goes into the visit's books.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, assert_never

import msgspec
import trio

from bridge.simulation.connection import Standing, Told, Visit
from bridge.simulation.plan import AnswerTool, Send, Speak, Wait
from bridge.simulation.protocols import Native, Sherpa, Tongue
from bridge.transport.link import HandshakeRefused, LinkClosed
from bridge.upstream.dial.errors import DialFailed
from bridge.upstream.dial.handshake import upgrade

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.simulation.plan import CallPlan, Step
    from bridge.simulation.trace import Trace
    from bridge.transport.websocket import WebSocketLink

#: How long anything may take once the faults have stopped: missed pings, attempts and waits, one after another.
PATIENCE_SECONDS = 200.0
_CONNECT_SECONDS = 5.0
_LISTEN_SECONDS = 1.0
_ARRIVAL_SECONDS = 100.0
_MOST_VISITS = 25
_MOST_PROOFS = 5
_NO_SESSION = (Standing.NONE, Standing.OVER)


class Unwell(Exception):  # noqa: N818 - the reason why a visit is given up
    """The socket is over, or nobody answers on it."""


class Caller:
    """One caller, over all of its visits."""

    def __init__(self, plan: CallPlan, seed: int, trace: Trace, visit: Callable[[str], Visit]) -> None:
        """`visit` opens a link to the bridge and gives the books of a new visit."""
        self._plan, self._trace, self._new_visit = plan, trace, visit
        self._tongue: Tongue = Native(flat=plan.beta) if plan.native else Sherpa()
        self._chance = random.Random(f"caller:{seed}:{plan.number}")
        self.visits: list[Visit] = []
        self.calmed = trio.Event()
        """No faults any more."""
        self.turned_away = False
        """The bridge lets nobody in."""
        self._reads, self._changed = trio.Event(), trio.Event()
        self._reads.set()
        self._visiting = trio.CancelScope()
        self._socket: WebSocketLink | None = None

    @property
    def here(self) -> Visit | None:
        """The visit that goes on just now."""
        return self.visits[-1] if self.visits and not self.visits[-1].over else None

    async def call(self) -> None:
        """Call, and call again, until it was proven that all is well, or nobody is let in any more."""
        await trio.sleep(self._plan.begins_at)
        steps = list(self._plan.steps)
        while len(self.visits) < _MOST_VISITS and not self.turned_away:
            await self._visit(steps)
            if self.calmed.is_set() and (self.visits[-1].proven or self.visits[-1].trouble):
                return
            await trio.sleep(self._chance.uniform(0.1, 1.0))

    # What befalls it

    def leave(self, *, politely: bool) -> None:
        """Go away in the middle of whatever it does."""
        visit, socket = self.here, self._socket
        if visit is None or socket is None:
            return
        visit.left = True
        self._trace.fault(visit.name, "leave")
        if not politely:
            self._socket = None
        self._visiting.cancel()

    async def stop_reading(self, seconds: float) -> None:
        """Read nothing for a while."""
        if self._reads.is_set() and self.here is not None:
            self._trace.fault(self.here.name, "slow-client")
            self._reads = trio.Event()
            await trio.sleep(seconds)
            self._reads.set()

    # A visit

    async def _visit(self, steps: list[Step]) -> None:
        visit = self._new_visit(f"caller-{self._plan.number}.{len(self.visits) + 1}")
        self.visits.append(visit)
        with trio.CancelScope() as self._visiting:
            try:
                await self._connect(visit)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._listen, visit, nursery.cancel_scope)
                    await self._talk(visit, steps)
                    nursery.cancel_scope.cancel()
            except* Unwell:
                pass
        await self._hang_up(visit)

    async def _connect(self, visit: Visit) -> None:
        self._socket = None
        try:
            with trio.fail_after(_CONNECT_SECONDS):
                self._socket = (await upgrade(visit.link.near, self._tongue.endpoint(self._plan.wish))).link
        except (HandshakeRefused, DialFailed, trio.TooSlowError) as error:
            self.turned_away = isinstance(error, HandshakeRefused)
            visit.left = visit.closed is None
            await trio.aclose_forcefully(visit.link.near)
            raise Unwell from error
        visit.opened = True

    async def _hang_up(self, visit: Visit) -> None:
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

    async def _listen(self, visit: Visit, talking: trio.CancelScope) -> None:
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
            raise Unwell
        return self._socket

    def _take(self, visit: Visit, frame: str | bytes) -> None:
        event_type, body = self._tongue.read(frame)
        told = Told(trio.current_time(), event_type, body)
        self._trace.note(visit.name, f"> {told.type} {told.body.get('event_id') or _gist(told)}")
        visit.take(told)
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

    async def _talk(self, visit: Visit, steps: list[Step]) -> None:
        await self._send_all(visit, self._tongue.hello(self._plan.wish))
        while steps:
            await self._step(visit, steps.pop(0))
        await self.calmed.wait()
        await self._prove(visit)

    async def _step(self, visit: Visit, step: Step) -> None:
        match step:
            case Speak():
                await self._speak(visit, step)
            case Send(message):
                if message["type"] in _GIVES_UP_SPEECH:
                    visit.excuse()
                await self._send(visit, message)
            case Wait(seconds):
                await trio.sleep(seconds)
            case AnswerTool():
                if visit.call_id is not None:
                    await self._send_all(visit, self._tongue.answer(visit.call_id, "42"))
                    visit.call_id = None
            case _:
                assert_never(step)

    async def _speak(self, visit: Visit, step: Speak) -> None:
        begin = visit.source.sent_ms
        visit.speech.append((begin, begin))
        while (said := visit.source.sent_ms - begin) < step.ms:
            chunk = min(step.chunk_ms, step.ms - said)
            pcm = visit.source.speech(chunk)
            visit.speech[-1] = (begin, visit.source.sent_ms)
            await self._send_audio(pcm, as_json=step.as_json)
            await trio.sleep(chunk / 1000)
        for _ in range(0, step.quiet_ms, 200):
            await self._send_audio(visit.source.silence(200), as_json=step.as_json)
            await trio.sleep(0.2)
        if self._plan.commits:
            await self._send_all(visit, self._tongue.commit(self._plan.wish))

    async def _send_audio(self, pcm: bytes, *, as_json: bool) -> None:
        data, text = self._tongue.audio(pcm, as_json=as_json)
        await self._write(data, text=text)

    async def _send_all(self, visit: Visit, messages: list[Any]) -> None:
        for message in messages:
            await self._send(visit, message)

    async def _send(self, visit: Visit, message: Any) -> None:
        self._trace.note(visit.name, f"< {message['type']}")
        await self._write(msgspec.json.encode(message), text=True)

    async def _write(self, data: bytes, *, text: bool) -> None:
        socket = self._open_socket()
        try:
            await (socket.send_text(data) if text else socket.send_binary(data))
        except LinkClosed:  # the listener learns why, and ends the visit
            await trio.sleep(_CONNECT_SECONDS)
            raise Unwell from None

    # That all is well

    async def _prove(self, visit: Visit) -> None:
        """Get to ready, say one more thing, and wait for its answer and for every word's arrival.

        A session that was ill already may fail over it, or be lost in the middle of its answer; not for ever.
        """
        await self._check_line()
        before = visit.reconnections
        for _ in range(_MOST_PROOFS):
            trouble = await self._get_ready(visit) or await self._get_an_answer(visit)
            if not trouble:
                visit.proven = True
                self._trace.note(visit.name, "proven")
                return
            if visit.standing is not Standing.OVER and visit.reconnections == before:
                break
            before = visit.reconnections
        visit.trouble = trouble

    async def _get_ready(self, visit: Visit) -> str:
        """Wait for a session, a new one where there is none; say what is wrong."""
        if visit.standing in _NO_SESSION:
            await self._send_all(visit, self._tongue.hello(self._plan.wish))
            await self._until(lambda: visit.standing not in _NO_SESSION, _CONNECT_SECONDS)
        await self._until(lambda: visit.standing in (Standing.READY, Standing.OVER), PATIENCE_SECONDS)
        return "" if visit.standing is Standing.READY else f"not ready, but {visit.standing}"

    async def _get_an_answer(self, visit: Visit) -> str:
        """Say something and wait until it is answered; say what is wrong."""
        wanted = _WRITTEN if self._plan.transcribes else "response.done"
        before = visit.counts[wanted]
        await self._speak(visit, Speak(600, 200, 600, as_json=False))
        over = Standing.OVER
        await self._until(lambda: visit.counts[wanted] > before or visit.standing is over, PATIENCE_SECONDS)
        if visit.counts[wanted] == before:
            return f"no {wanted} for the last words, {visit.standing}"
        await self._until(lambda: visit.missing_speech() <= visit.dropped_ms, _ARRIVAL_SECONDS)
        if visit.missing_speech() > visit.dropped_ms:
            return f"{visit.missing_speech()} ms of speech are gone, {visit.dropped_ms:g} ms were reported"
        await self._until(lambda: visit.standing in (Standing.READY, over), PATIENCE_SECONDS)
        return "" if visit.standing is Standing.READY else f"not ready at the end, but {visit.standing}"

    async def _check_line(self) -> None:
        """Give the visit up when nobody answers: a socket that was silent before stays so."""
        socket = self._open_socket()
        try:
            await socket.ping()
        except LinkClosed:
            raise Unwell from None
        if not await self._until(lambda: not socket.pings_outstanding, 30.0):
            raise Unwell


#: What a client takes back of its own will.
_GIVES_UP_SPEECH = frozenset({"end_session", "input_audio_buffer.clear"})
_WRITTEN = "conversation.item.input_audio_transcription.completed"


def _gist(told: Told) -> str:
    """Give what tells one message from the next, without its time of day."""
    shown = {name: value for name, value in told.body.items() if name not in {"timestamp", "type", "message"}}
    return msgspec.json.encode(shown, order="deterministic").decode()
