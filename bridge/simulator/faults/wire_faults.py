"""Faults on the wire: closes, drops, resets, stalls, delays, and damaged frames. `registry.py` lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bridge.simulator.faults.actions import (
    SERVER_MOMENTS,
    CloseFrame,
    Drop,
    Freeze,
    RawBytes,
    Reset,
    TextFrame,
    TimedAction,
)
from bridge.simulator.faults.base import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.simulator.faults.actions import WireAction
    from bridge.simulator.faults.base import FaultState


@dataclass(frozen=True, slots=True)
class _MomentFault(Fault):
    """A fault that acts at the nth occurrence of a moment, or at every occurrence (`nth=0`)."""

    at: str = "ready"
    nth: int = 1

    def on_moment(self, moment: str, now: float, state: FaultState) -> Iterable[TimedAction]:
        if moment != self.at:
            return ()
        state.counts[moment] += 1
        if self.nth not in (0, state.counts[moment]):
            return ()
        return [TimedAction(now, action) for action in self.actions()]

    def actions(self) -> tuple[WireAction, ...]:
        """Return what to do at that moment."""
        return ()


@dataclass(frozen=True, slots=True)
class CloseFault(_MomentFault):
    """Send a close frame with any code and reason."""

    name: ClassVar[str] = "close"
    summary: ClassVar[str] = "close with a code and reason at the given moment"
    code: int = 1011
    reason: str = ""

    def actions(self) -> tuple[WireAction, ...]:
        """Return one close frame with the code and the reason."""
        return (CloseFrame(self.code, self.reason),)


@dataclass(frozen=True, slots=True)
class DropFault(_MomentFault):
    """End the TCP connection without a close frame."""

    name: ClassVar[str] = "drop"
    summary: ClassVar[str] = "end the TCP connection without a close frame at the given moment"

    def actions(self) -> tuple[WireAction, ...]:
        """Return one `Drop`: TCP ends in order (FIN), WebSocket does not."""
        return (Drop(),)


@dataclass(frozen=True, slots=True)
class ResetFault(_MomentFault):
    """Reset the TCP connection, so that the client sees an error (ECONNRESET) and no close frame."""

    name: ClassVar[str] = "reset"
    summary: ClassVar[str] = "reset the TCP connection at the given moment"

    def actions(self) -> tuple[WireAction, ...]:
        """Return one `Reset`: the client gets RST."""
        return (Reset(),)


@dataclass(frozen=True, slots=True)
class HalfOpenFault(_MomentFault):
    """Keep the socket open but send nothing any more, not even pongs."""

    name: ClassVar[str] = "half-open"
    summary: ClassVar[str] = "stop reading and writing at the given moment, but keep the socket open"

    def actions(self) -> tuple[WireAction, ...]:
        """Return one `Freeze`: nothing is read or written any more."""
        return (Freeze(),)


@dataclass(frozen=True, slots=True)
class GarbageFault(_MomentFault):
    """Send a text frame that is not JSON."""

    name: ClassVar[str] = "garbage"
    summary: ClassVar[str] = "send a text frame that is not JSON at the given moment"

    def actions(self) -> tuple[WireAction, ...]:
        """Return a text frame with the HTML of a gateway's error page."""
        return (TextFrame("garbage", b"<html>502 Bad Gateway</html>"),)


@dataclass(frozen=True, slots=True)
class InvalidUtf8Fault(_MomentFault):
    """Send a text frame whose bytes are not UTF-8: the client must fail the connection with 1007 (RFC 6455 8.1)."""

    name: ClassVar[str] = "invalid-utf8"
    summary: ClassVar[str] = "send a text frame that is not UTF-8 at the given moment"

    def actions(self) -> tuple[WireAction, ...]:
        """Write the frame to the stream, bypassing the codec."""
        return (RawBytes(b"\x81\x04\xc3\x28\xff\xfe"),)


@dataclass(frozen=True, slots=True)
class LatencyFault(Fault):
    """Delay everything the service sends, in order."""

    name: ClassVar[str] = "latency"
    summary: ClassVar[str] = "delay everything the service sends by ms, plus or minus jitter; order is kept"
    ms: float = 100.0
    jitter: float = 0.0

    def on_action(self, timed: TimedAction, state: FaultState) -> Iterable[TimedAction]:
        """Delay one action; it never overtakes an earlier one."""
        wait = max(0.0, self.ms + state.random.uniform(-self.jitter, self.jitter)) / 1000
        state.busy_until = max(state.busy_until, timed.due_at + wait)
        return (TimedAction(state.busy_until, timed.action),)


@dataclass(frozen=True, slots=True)
class BandwidthFault(Fault):
    """Limit what the service sends to this many bytes per second."""

    name: ClassVar[str] = "bandwidth"
    summary: ClassVar[str] = "limit what the service sends to this many bytes per second"
    bytes_per_second: float = 16_000.0

    def on_action(self, timed: TimedAction, state: FaultState) -> Iterable[TimedAction]:
        """Delay one action until those before it, and its own bytes, have been sent."""
        size = len(timed.action.data) if isinstance(timed.action, TextFrame | RawBytes) else 0
        state.busy_until = max(state.busy_until, timed.due_at) + size / self.bytes_per_second
        return (TimedAction(state.busy_until, timed.action),)


@dataclass(frozen=True, slots=True)
class StallFault(Fault):
    """Hold everything back for a while, starting at the given moment."""

    name: ClassVar[str] = "stall"
    summary: ClassVar[str] = "hold everything back for this many seconds, starting at the nth occurrence of a moment"
    at: str = "audio"
    seconds: float = 5.0
    nth: int = 1

    def on_action(self, timed: TimedAction, state: FaultState) -> Iterable[TimedAction]:
        """Start the stall at a server moment; hold the action back while the stall lasts."""
        if isinstance(timed.action, TextFrame) and timed.action.type in SERVER_MOMENTS.get(self.at, ()):
            state.counts[self.at] += 1
            if state.counts[self.at] == self.nth:
                state.busy_until = timed.due_at + self.seconds
        return (TimedAction(max(timed.due_at, state.busy_until), timed.action),)

    def on_moment(self, moment: str, now: float, state: FaultState) -> Iterable[TimedAction]:
        """Start the stall at a client moment."""
        if moment == self.at and moment not in SERVER_MOMENTS:
            state.counts[moment] += 1
            if state.counts[moment] == self.nth:
                state.busy_until = now + self.seconds
        return ()


@dataclass(frozen=True, slots=True)
class DuplicateFault(Fault):
    """Send some events twice in a row; `rate` is the probability for each event."""

    name: ClassVar[str] = "duplicate"
    summary: ClassVar[str] = "send events twice, with probability rate"
    rate: float = 0.1

    def on_action(self, timed: TimedAction, state: FaultState) -> Iterable[TimedAction]:
        """Send one event once or twice."""
        twice = isinstance(timed.action, TextFrame) and state.random.random() < self.rate
        return (timed, timed) if twice else (timed,)


@dataclass(frozen=True, slots=True)
class TruncateFault(Fault):
    """Cut some text frames in half: valid frames, invalid JSON."""

    name: ClassVar[str] = "truncate"
    summary: ClassVar[str] = "cut text frames in half, with probability rate"
    rate: float = 0.1

    def on_action(self, timed: TimedAction, state: FaultState) -> Iterable[TimedAction]:
        """Cut one text frame, or leave it whole."""
        if isinstance(timed.action, TextFrame) and state.random.random() < self.rate:
            half = timed.action.data[: len(timed.action.data) // 2]
            return (TimedAction(timed.due_at, TextFrame("truncated", half)),)
        return (timed,)
