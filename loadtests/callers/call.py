"""One call on one socket: one greenlet sends what is due, another receives. Runs on gevent.

`session.py` decides what is sent and what the received frames mean; this module owns the socket and the clock. A call
ends on request, because the bridge ended it, or because it was cut: `outcome` says which. No greenlet or
socket outlives `run`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event

from loadtests.callers.connect_errors import describe_error
from loadtests.callers.websocket import SOCKET_ERRORS, CallerSocket, SocketClosed
from loadtests.metrics.recorder import SentAudio

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtests.callers.session import CallerSession

#: Timeouts in seconds: for the socket with its first frame, and for the closing handshake.
CONNECT_SECONDS, CLOSE_SECONDS = 10.0, 3.0
#: A caller stays silent this long before it hangs up, so that all its audio has been forwarded by then.
QUIET_SECONDS = 1.0
#: A slow reader needs a small TCP window. Otherwise the kernel reads ahead for it.
_SLOW_READER_BYTES = 4096
_RECEIVER_SECONDS = 1.0
#: Frames that one greenlet reads before it yields to the others.
_FRAMES_PER_TURN = 32
#: Exceptions that decoding a malicious frame may raise.
_DECODE_ERRORS = (ValueError, OverflowError, RecursionError)


class CallOutcome(StrEnum):
    """How a call ended. After anything but COMPLETED, a caller that reconnects waits before it calls again."""

    COMPLETED = "done"
    """As planned."""
    LOST = "lost"
    """The bridge or the network ended it."""
    CUT = "cut"
    """The test cut it."""
    REFUSED = "refused"
    """There was no socket, or no session and no more attempts."""


@dataclass(frozen=True, slots=True)
class CallTarget:
    """The endpoint to call, with its model and HTTP headers."""

    url: str
    model: str
    headers: tuple[str, ...] = ()


@dataclass(slots=True)
class VoiceCall:
    """One call. `run` makes it from start to end. `cut` ends it from outside, without a close frame."""

    target: CallTarget
    session: CallerSession
    due: float
    """When it should start, in `time.monotonic` seconds. Latency counts from here."""
    open_socket: Callable[..., CallerSocket] = CallerSocket.connect
    quiet_seconds: float = QUIET_SECONDS
    is_complete: bool = False
    """Whether it ended normally, so that all audio that was sent must have arrived."""
    outcome: CallOutcome = CallOutcome.COMPLETED
    _socket: CallerSocket | None = None
    _gone: Event = field(default_factory=Event)
    _leaving: bool = False
    _had_session: bool = False
    """Whether there was a session when the caller hung up. Only then must all its audio have arrived."""
    _ended_normally: bool = False
    _initial_ms: int = field(init=False)

    def __post_init__(self) -> None:
        self._initial_ms = self.session.audio_source.sent_ms

    def run(self, stop: Callable[[], bool]) -> CallOutcome:
        """Connect, talk until `stop` returns True, and hang up.

        Killing the greenlet hangs up normally. A second kill closes the socket at once.
        """
        self.session.recorder.add_count("calls")
        socket = self._connect()
        if socket is None:
            return self.outcome
        listener = gevent.spawn(self._receive_loop, socket)
        try:
            self._send_until(socket, stop)
        finally:
            try:
                if not self._gone.is_set():
                    self._close(socket)
            finally:
                self._hang_up(socket, listener)
                self._record_end()
        return self.outcome

    def cut(self) -> None:
        """Drop the socket as a network failure does: no close frame, no more data."""
        if self._socket is not None and not self._leaving:
            self.outcome = CallOutcome.CUT
            self.session.lifecycle.lost(time.monotonic())
            self._socket.abort()
            self._gone.set()

    # ---- connecting

    def _connect(self) -> CallerSocket | None:
        """Open the socket and receive its first frame. Returns None after a failure, which is recorded."""
        session, target = self.session, self.target
        read_bytes = _SLOW_READER_BYTES if session.behaviour.read_bytes_per_second else 0
        socket: CallerSocket | None = None
        try:
            with gevent.Timeout(CONNECT_SECONDS):
                socket = self.open_socket(
                    session.protocol.endpoint_url(target.url, target.model), target.headers, read_bytes=read_bytes
                )
                self._receive(socket.receive())
        except (*SOCKET_ERRORS, *_DECODE_ERRORS, gevent.Timeout) as error:
            self.outcome = CallOutcome.REFUSED
            session.recorder.attempts.failed += 1
            session.recorder.record_failure(
                "failed_connects", describe_error(error, CONNECT_SECONDS), time.monotonic() - self.due
            )
            if socket is not None:
                socket.abort()
            return None
        except BaseException:  # killed while connecting
            if socket is not None:
                socket.abort()
            raise
        self._socket = socket
        session.recorder.record_duration("connect", time.monotonic() - self.due)
        return socket

    # ---- talking

    def _send_until(self, socket: CallerSocket, stop: Callable[[], bool]) -> None:
        session = self.session
        try:
            for frame in session.start(time.monotonic()):
                socket.send(frame)
            while not (stop() or self._gone.is_set() or session.is_done):
                for frame in session.next_frames(time.monotonic()):
                    if not socket.send(frame):
                        session.blocked_until = time.monotonic()
                gevent.sleep(max(0.0, session.speech_clock.due - time.monotonic()))
        except SOCKET_ERRORS:
            self._gone.wait(timeout=_RECEIVER_SECONDS)  # the receiving greenlet gets the close code
        if session.lifecycle.has_failed and self.outcome is CallOutcome.COMPLETED:
            self.outcome = CallOutcome.REFUSED

    # ---- receiving

    def _receive_loop(self, socket: CallerSocket) -> None:
        """Receive until the socket ends, slowly if the behaviour says so."""
        rate, received = self.session.behaviour.read_bytes_per_second, 0
        try:
            while True:
                frame = socket.receive()
                self._receive(frame)
                received += 1
                if rate and not self._leaving:
                    gevent.sleep(len(frame) / rate)
                elif received % _FRAMES_PER_TURN == 0:  # recv() doesn't yield while data is buffered
                    gevent.sleep(0)
        except (*SOCKET_ERRORS, *_DECODE_ERRORS) as error:
            self._ended(error.code if isinstance(error, SocketClosed) else None)

    def _receive(self, frame: str | bytes) -> None:
        self.session.receive(frame, time.monotonic(), time.time())

    # ---- ending

    def _ended(self, code: int | None) -> None:
        """Handle the end of the socket. If neither side of the test ended it, the session is lost."""
        if not self._leaving and self.outcome is CallOutcome.COMPLETED:
            session = self.session
            self.outcome = CallOutcome.LOST
            session.lifecycle.lost(time.monotonic())
            if not session.error_audit.explains(code, session.lifecycle.end_reason, time.time()):
                session.recorder.add_count("endings_without_error")
        self._gone.set()

    def _close(self, socket: CallerSocket) -> None:
        """End the session and the socket normally, and wait until the bridge confirms."""
        if self.session.lifecycle.is_ready:
            self._gone.wait(timeout=self.quiet_seconds)
        self.session.lifecycle.before_hang_up(time.monotonic())
        self._leaving, self._had_session = True, self.session.lifecycle.is_ready
        self.session.lifecycle.is_leaving = True
        session, until = self.session, time.monotonic() + CLOSE_SECONDS
        closing_frames = session.protocol.end_session() if session.lifecycle.is_requested else ()
        try:
            with gevent.Timeout(CLOSE_SECONDS, TimeoutError):  # a bridge that doesn't read would block the sender here
                for frame in closing_frames:
                    socket.send(frame)
                while closing_frames and not session.lifecycle.end_reason and not self._gone.is_set():
                    if time.monotonic() >= until:
                        break
                    gevent.sleep(0.01)
                socket.send_close()
        except SOCKET_ERRORS:
            self._gone.set()
        self._gone.wait(timeout=max(0.1, until - time.monotonic()))
        self._ended_normally = self._gone.is_set() and (not closing_frames or bool(session.lifecycle.end_reason))
        if not self._ended_normally:
            session.recorder.add_count("unclean_ends")

    def _hang_up(self, socket: CallerSocket, listener: gevent.Greenlet[..., None]) -> None:
        self._leaving = True
        socket.abort()
        listener.join(timeout=_RECEIVER_SECONDS)
        listener.kill(block=False)

    def _record_end(self) -> None:
        """Record what was sent, and everything about turns and errors that is only known at the end."""
        session = self.session
        violations = session.error_audit.finish(time.time(), by_bridge=self.outcome is CallOutcome.LOST)
        if violations:
            session.recorder.add_count("error_window_violations", violations)
        if session.answer_timer.give_up():
            session.recorder.add_count("unanswered_turns" if self.outcome is CallOutcome.LOST else "unfinished_turns")
        self.is_complete = self.outcome is CallOutcome.COMPLETED and self._ended_normally and self._had_session
        sent = session.audio_source.sent_ms
        if sent > self._initial_ms:
            expected = sent if self.is_complete else max(self._initial_ms, session.lifecycle.interval.expected_ms)
            session.recorder.record_sent_audio(
                SentAudio(session.audio_source.caller, sent, expected, session.resent_ms, session.dropped_ms)
            )
