"""One call on one socket: one greenlet sends what is due, another receives. Runs on gevent.

`session.py` decides what is sent and what the received frames mean; this module owns the socket and the clock. A call
ends because it was told to, because the bridge ended it, or because it was cut: `outcome` says which. No greenlet or
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
_SLOW_WINDOW_BYTES = 4096
_LISTENER_SECONDS = 1.0
#: Frames that one greenlet reads before it yields to the others.
_IN_A_ROW = 32
#: Exceptions that decoding a malicious frame may raise.
_UNREADABLE = (ValueError, OverflowError, RecursionError)


class CallOutcome(StrEnum):
    """How a call ended."""

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
    _wire: CallerSocket | None = None
    _gone: Event = field(default_factory=Event)
    _leaving: bool = False
    _left_ready: bool = False
    """Whether there was a session when the caller hung up. Only then must all its audio have arrived."""
    _ended_well: bool = False
    _began_ms: int = field(init=False)

    def __post_init__(self) -> None:
        self._began_ms = self.session.audio_source.sent_ms

    def run(self, stop: Callable[[], bool]) -> CallOutcome:
        """Connect, talk until `stop` returns True, and hang up.

        Killing the greenlet hangs up normally. A second kill closes the socket at once.
        """
        self.session.recorder.add_count("calls")
        wire = self._connected()
        if wire is None:
            return self.outcome
        listener = gevent.spawn(self._listen, wire)
        try:
            self._talk_until_told(wire, stop)
        finally:
            try:
                if not self._gone.is_set():
                    self._say_goodbye(wire)
            finally:
                self._hang_up(wire, listener)
                self._account()
        return self.outcome

    def cut(self) -> None:
        """Drop the socket as a network failure does: no close frame, no more data."""
        if self._wire is not None and not self._leaving:
            self.outcome = CallOutcome.CUT
            self.session.session_lost(time.monotonic())
            self._wire.abort()
            self._gone.set()

    # ---- connecting

    def _connected(self) -> CallerSocket | None:
        """Open the socket and receive its first frame. Returns None after a failure, which is recorded."""
        talk, where = self.session, self.target
        window = _SLOW_WINDOW_BYTES if talk.behaviour.read_bytes_per_second else 0
        wire: CallerSocket | None = None
        try:
            with gevent.Timeout(CONNECT_SECONDS):
                wire = self.open_socket(
                    talk.protocol.endpoint_url(where.url, where.model), where.headers, read_bytes=window
                )
                self._hear(wire.receive())
        except (*SOCKET_ERRORS, *_UNREADABLE, gevent.Timeout) as error:
            self.outcome = CallOutcome.REFUSED
            talk.recorder.attempts.failed += 1
            talk.recorder.record_failure(
                "failed_connects", describe_error(error, CONNECT_SECONDS), time.monotonic() - self.due
            )
            if wire is not None:
                wire.abort()
            return None
        except BaseException:  # killed while connecting
            if wire is not None:
                wire.abort()
            raise
        self._wire = wire
        talk.recorder.record_duration("connect", time.monotonic() - self.due)
        return wire

    # ---- talking

    def _talk_until_told(self, wire: CallerSocket, stop: Callable[[], bool]) -> None:
        talk = self.session
        try:
            for frame in talk.start(time.monotonic()):
                wire.send(frame)
            while not (stop() or self._gone.is_set() or talk.is_done):
                for frame in talk.next_frames(time.monotonic()):
                    if not wire.send(frame):
                        talk.blocked_until = time.monotonic()
                gevent.sleep(max(0.0, talk.speech_clock.due - time.monotonic()))
        except SOCKET_ERRORS:
            self._gone.wait(timeout=_LISTENER_SECONDS)  # the receiving greenlet gets the close code
        if talk.has_failed and self.outcome is CallOutcome.COMPLETED:
            self.outcome = CallOutcome.REFUSED

    # ---- receiving

    def _listen(self, wire: CallerSocket) -> None:
        """Receive until the socket ends, slowly if the behaviour says so."""
        allowance, heard = self.session.behaviour.read_bytes_per_second, 0
        try:
            while True:
                frame = wire.receive()
                self._hear(frame)
                heard += 1
                if allowance and not self._leaving:
                    gevent.sleep(len(frame) / allowance)
                elif heard % _IN_A_ROW == 0:  # recv() doesn't yield while data is buffered
                    gevent.sleep(0)
        except (*SOCKET_ERRORS, *_UNREADABLE) as error:
            self._ended(error.code if isinstance(error, SocketClosed) else None)

    def _hear(self, frame: str | bytes) -> None:
        self.session.receive(frame, time.monotonic(), time.time())

    # ---- ending

    def _ended(self, code: int | None) -> None:
        """Handle the end of the socket. If neither side of the test ended it, the session is lost."""
        if not self._leaving and self.outcome is CallOutcome.COMPLETED:
            talk = self.session
            self.outcome = CallOutcome.LOST
            talk.session_lost(time.monotonic())
            if not talk.error_audit.explains(code, talk.end_reason, time.time()):
                talk.recorder.add_count("endings_without_error")
        self._gone.set()

    def _say_goodbye(self, wire: CallerSocket) -> None:
        """End the session and the socket normally, and wait until the bridge confirms."""
        if self.session.is_ready:
            self._gone.wait(timeout=self.quiet_seconds)
        self.session.before_hang_up(time.monotonic())
        self._leaving, self._left_ready = True, self.session.is_ready
        self.session.is_leaving = True
        talk, until = self.session, time.monotonic() + CLOSE_SECONDS
        asked = talk.protocol.end_session() if talk.has_session else ()
        try:
            with gevent.Timeout(CLOSE_SECONDS, TimeoutError):  # a bridge that doesn't read would block the sender here
                for frame in asked:
                    wire.send(frame)
                while asked and not talk.end_reason and not self._gone.is_set() and time.monotonic() < until:
                    gevent.sleep(0.01)
                wire.send_close()
        except SOCKET_ERRORS:
            self._gone.set()
        self._gone.wait(timeout=max(0.1, until - time.monotonic()))
        self._ended_well = self._gone.is_set() and (not asked or bool(talk.end_reason))
        if not self._ended_well:
            talk.recorder.add_count("unclean_ends")

    def _hang_up(self, wire: CallerSocket, listener: gevent.Greenlet[..., None]) -> None:
        self._leaving = True
        wire.abort()
        listener.join(timeout=_LISTENER_SECONDS)
        listener.kill(block=False)

    def _account(self) -> None:
        """Record what was sent, and everything about turns and errors that is only known at the end."""
        talk = self.session
        violations = talk.error_audit.finish(time.time(), by_bridge=self.outcome is CallOutcome.LOST)
        if violations:
            talk.recorder.add_count("error_window_violations", violations)
        if talk.answer_timer.give_up():
            talk.recorder.add_count("unanswered_turns" if self.outcome is CallOutcome.LOST else "unfinished_turns")
        self.is_complete = self.outcome is CallOutcome.COMPLETED and self._ended_well and self._left_ready
        sent = talk.audio_source.sent_ms
        if sent > self._began_ms:
            sure = sent if self.is_complete else max(self._began_ms, talk.interval.expected_ms)
            talk.recorder.record_sent_audio(
                SentAudio(talk.audio_source.caller, sent, sure, talk.resent_ms, talk.dropped_ms)
            )
