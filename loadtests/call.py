"""One call on one socket: a greenlet that speaks on a clock of due times, and one that listens. gevent's world.

A call ends because it was told to, because the bridge ended it, or because it was cut; `fate` says which. It never
outlives its `run`.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, assert_never

import gevent
import websocket
from gevent.event import Event

from bridge.protocol.tracer import TracerSource
from loadtests.answers import Answers
from loadtests.errors_seen import ErrorsSeen
from loadtests.lines import Line, line_for
from loadtests.meter import Spoken
from loadtests.signals import Answered, Complaint, Dropped, Lost, Opened, Over, Ready, Signal, Sound, Stale, Words

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtests.behaviour import Behaviour
    from loadtests.meter import Meter

#: Longest waits, in seconds: for the socket and its first frame, for a session, for a goodbye.
CONNECT_SECONDS, READY_SECONDS, GOODBYE_SECONDS = 10.0, 45.0, 3.0
_BAD_MESSAGE = '{"type":"no_such_message"}'
_WORDS = "How is my portfolio doing today?"
_MS = 1000.0


class Fate(StrEnum):
    """How a call ended."""

    DONE = "done"
    """As it was told to."""
    LOST = "lost"
    """The bridge or the network ended it."""
    CUT = "cut"
    """The test cut it."""
    REFUSED = "refused"
    """There was never a socket, or never a session."""


@dataclass(frozen=True, slots=True)
class Where:
    """What is called."""

    url: str
    model: str
    headers: tuple[str, ...] = ()


@dataclass(slots=True)
class Call:
    """One call. `run` makes it from beginning to end; `cut` ends it from outside, without a goodbye."""

    where: Where
    behaviour: Behaviour
    meter: Meter
    caller: int
    """Its number in its tracer audio; no other call has it."""
    lost_at: float | None = None
    """When this caller lost the session that this call replaces."""
    fate: Fate = Fate.DONE
    _line: Line = field(init=False)
    _source: TracerSource = field(init=False)
    _socket: Any = None
    _answers: Answers = field(init=False)
    _errors: ErrorsSeen = field(default_factory=ErrorsSeen)
    _ready: Event = field(default_factory=Event)
    _gone: Event = field(default_factory=Event)
    _over: str = ""
    _began: float = 0.0
    _asked: float = 0.0
    _leaving: bool = False
    _turns: int = 0
    _close_code: int | None = None

    def __post_init__(self) -> None:
        self._line = line_for(self.behaviour)
        self._source = TracerSource(self.caller)
        self._answers = Answers(self.meter.took)

    def run(self, stop: Callable[[], bool]) -> Fate:
        """Call, speak until `stop` says so, and hang up. Killing the greenlet hangs up at once."""
        self._began = time.monotonic()
        self.meter.counted("calls")
        if not self._connect():
            return self.fate
        listener = gevent.spawn(self._listen)
        try:
            self._converse(stop)
            if not self._gone.is_set():
                self._say_goodbye()
        finally:
            self._hang_up()
            listener.join(timeout=1)
            listener.kill(block=False)
            self._account()
        return self.fate

    def cut(self) -> None:
        """Break the socket as a network does: no close frame, nothing more."""
        self.fate = Fate.CUT
        self._break()

    # ---- connecting

    def _connect(self) -> bool:
        address = self._line.address(self.where.url, self.where.model)
        try:
            with gevent.Timeout(CONNECT_SECONDS):
                self._socket = websocket.create_connection(
                    address,
                    timeout=CONNECT_SECONDS,
                    header=list(self.where.headers),
                    sockopt=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
                    skip_utf8_validation=True,
                    enable_multithread=True,
                )
                self._hear(self._receive())
        except (OSError, websocket.WebSocketException, gevent.Timeout) as error:
            self.fate = Fate.REFUSED
            self.meter.failed += 1
            self.meter.failed_at("failed_connects", _as_exception(error), time.monotonic() - self._began)
            self._hang_up()
            return False
        self._socket.settimeout(None)
        self.meter.took("connect", time.monotonic() - self._began)
        return True

    # ---- speaking

    def _converse(self, stop: Callable[[], bool]) -> None:
        self._asked = time.monotonic()
        if not self._send(*self._line.opening()):
            return
        if not self.behaviour.speaks_before_ready and not self._await_ready(stop):
            return
        if self.behaviour.typed:
            self._type(stop)
        else:
            self._speak(stop)

    def _await_ready(self, stop: Callable[[], bool]) -> bool:
        """Wait for the session; what never comes is a failed call."""
        until = self._asked + READY_SECONDS
        while not self._ready.is_set() and not self._gone.is_set() and time.monotonic() < until and not stop():
            self._ready.wait(timeout=0.25)
        if not self._ready.is_set() and not stop():
            self._never_ready()
        return bool(self._ready.is_set())

    def _never_ready(self) -> None:
        if self.fate is not Fate.CUT:
            self.fate = Fate.REFUSED
            self.meter.failed += 1
            self.meter.failed_at("failed_calls", TimeoutError("no session"), time.monotonic() - self._asked)

    def _speak(self, stop: Callable[[], bool]) -> None:
        """Send a chunk whenever one is due: sentences and the silence between them, as a microphone does."""
        chunk, bad = self.behaviour.chunk_ms, self.behaviour.bad_messages_per_second
        due = time.monotonic()
        spoken = quiet = 0
        next_bad = due
        while not stop() and not self._gone.is_set() and not self._is_done():
            if not self._sleep_until(due):
                due = max(due, time.monotonic() - 1.0)  # a second of speech is the most that is caught up
            if spoken < self.behaviour.speech_ms:
                pcm, spoken = self._source.speech(chunk), spoken + chunk
                if spoken >= self.behaviour.speech_ms:
                    quiet = 0
                    self._answers.asked(due + chunk / _MS)
            else:
                pcm, quiet = self._source.silence(chunk), quiet + chunk
                if self._may_go_on(quiet):
                    spoken = 0
            if not self._send_speech(pcm):
                return
            if bad and due >= next_bad:
                next_bad = due + 1 / bad
                self._send(_BAD_MESSAGE)
            due += chunk / _MS

    def _may_go_on(self, quiet: int) -> bool:
        """Say whether the next sentence may begin: the answer is over, cut in upon, or waited for long enough."""
        answers, cut_in = self._answers, self.behaviour.interrupts_after_ms
        if answers.owed_since is None:
            return quiet >= self.behaviour.pause_ms
        if cut_in and answers.heard_ms >= cut_in:
            self._send(*self._line.interrupt(answers.item_id, cut_in))
            answers.over(time.monotonic())
            self._turned()
            return True
        if quiet >= self.behaviour.listen_ms:
            self._unanswered()
            return True
        return False

    def _type(self, stop: Callable[[], bool]) -> None:
        while not stop() and not self._gone.is_set() and not self._is_done():
            due = time.monotonic()
            self._answers.asked(due)
            if not self._send(*self._line.typed(_WORDS)):
                return
            until = due + self.behaviour.listen_ms / _MS
            while self._answers.owed_since is not None and time.monotonic() < until and not self._gone.is_set():
                gevent.sleep(0.02)
            if self._answers.owed_since is not None:
                self._unanswered()
            gevent.sleep(self.behaviour.pause_ms / _MS)

    def _unanswered(self) -> None:
        if self._answers.given_up() and self._ready.is_set():
            self.meter.counted("unanswered_turns")

    def _turned(self) -> None:
        self._turns += 1
        self.meter.counted("turns")

    def _is_done(self) -> bool:
        return 0 < self.behaviour.turns <= self._turns

    def _sleep_until(self, due: float) -> bool:
        """Sleep; says whether we kept our own pace. Lateness that the target caused, by not reading, is not ours."""
        wait = due - time.monotonic()
        if wait <= 0:
            gevent.sleep(0)
            return False
        gevent.sleep(wait)
        self.meter.lagged(time.monotonic() - due)
        return True

    def _send_speech(self, pcm: bytes) -> bool:
        sent = self._send(self._line.chunk(pcm))
        if sent:
            self.meter.counted("chunks")
        return sent

    def _send(self, *frames: str | bytes) -> bool:
        try:
            for frame in frames:
                if isinstance(frame, bytes):
                    self._socket.send_binary(frame)
                else:
                    self._socket.send(frame)
        except (OSError, websocket.WebSocketException):
            self._gone.set()
            return False
        return True

    # ---- listening

    def _listen(self) -> None:
        """Read until the socket ends; slowly where the behaviour says so."""
        allowance = self.behaviour.reads_bytes_per_second
        try:
            while True:
                frame = self._receive()
                self._hear(frame)
                if allowance:
                    gevent.sleep(len(frame) / allowance)
        except (OSError, websocket.WebSocketException, ValueError) as error:
            self._ended(error)

    def _receive(self) -> str | bytes:
        """Take the next frame. Raises ConnectionError at the end, with the close code remembered."""
        opcode: int
        data: bytes
        opcode, data = self._socket.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            self._close_code = int.from_bytes(data[:2], "big") if len(data) >= 2 else 1005  # noqa: PLR2004 - RFC 6455 7.4.1
            raise ConnectionError(f"closed with {self._close_code}")
        return data if opcode == websocket.ABNF.OPCODE_BINARY else data.decode(errors="replace")

    def _hear(self, frame: str | bytes) -> None:
        signal = self._line.read(frame)
        if signal is not None:
            self._act_on(signal, time.monotonic())

    def _act_on(self, signal: Signal, now: float) -> None:
        match signal:
            case Sound():
                self._answers.sound(now, signal.ms, signal.item_id)
            case Words():
                self._answers.words(now)
            case Answered():
                if not signal.failed and self._answers.over(now):
                    self._turned()
            case Ready():
                self._got_ready(signal, now)
            case Lost():
                self.lost_at = self.lost_at or now
                self.meter.counted("reconnections")
            case Complaint() | Dropped() | Over() | Stale():
                self._note(signal)
            case Opened():
                pass
            case _:
                assert_never(signal)

    def _note(self, signal: Complaint | Dropped | Over | Stale) -> None:
        match signal:
            case Complaint():
                self.meter.counted("errors")
                self._errors.note(time.time() if signal.at is None else signal.at)
            case Dropped():
                self.meter.counted("dropped_ms", signal.ms)
            case Over():
                self._over = signal.reason
            case Stale():
                self.meter.counted("stale_events")
            case _:
                assert_never(signal)

    def _got_ready(self, signal: Ready, now: float) -> None:
        self.meter.ready += 1
        if self.lost_at is not None:
            self.meter.took("reconnect", now - self.lost_at)
            self.lost_at = None
        if not signal.again:
            self.meter.took("ready", now - self._asked)
        if signal.resent_ms:
            self.meter.counted("resent_ms", signal.resent_ms)
        self._ready.set()

    # ---- ending

    def _ended(self, _: Exception) -> None:
        """Take the end that we did not make."""
        if not self._leaving and self.fate is Fate.DONE:
            self.fate = Fate.LOST
            self.lost_at = time.monotonic()
            if not self._errors.explains(self._close_code, self._over):
                self.meter.counted("endings_without_error")
        self._gone.set()
        self._ready.set()

    def _say_goodbye(self) -> None:
        """End in good order, and wait for the bridge's word that it is over."""
        self._leaving = True
        asked = self._line.goodbye()
        self._send(*asked)
        until = time.monotonic() + GOODBYE_SECONDS
        while asked and not self._over and not self._gone.is_set() and time.monotonic() < until:
            gevent.sleep(0.01)
        try:
            self._socket.send_close()
        except (OSError, websocket.WebSocketException):
            self._gone.set()
        self._gone.wait(timeout=max(0.1, until - time.monotonic()))
        if (asked and self._over != "ended") or not self._gone.is_set():
            self.meter.counted("unclean_ends")

    def _hang_up(self) -> None:
        self._leaving = True
        self._break()

    def _break(self) -> None:
        if self._socket is not None:
            self._socket.shutdown()
        self._gone.set()

    def _account(self) -> None:
        """Say what was spoken, and what is known of the errors only now."""
        violations = self._errors.end(time.time())
        if violations:
            self.meter.counted("error_window_violations", violations)
        if self._source.sent_ms:
            self.meter.counted("sent_ms", self._source.sent_ms)
            whole = self.fate is Fate.DONE
            self.meter.spoken.append(Spoken(self.caller, self._source.sent_ms, whole))


def _as_exception(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else TimeoutError(f"nothing within {CONNECT_SECONDS:.0f} s")
