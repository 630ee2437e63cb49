"""Faults of the wire: closes, drops, resets, stalls, delays, and frames that should not be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bridge.simulator.faults.base import Fault
from bridge.simulator.faults.pipeline import (
    SERVER_MOMENTS,
    CloseFrame,
    Drop,
    FaultState,
    Freeze,
    RawBytes,
    Reset,
    TextFrame,
    TimedAction,
    WireAction,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class _MomentFault(Fault):
    """A fault that acts once (`nth`), or each time (`nth=0`), behind a moment of the session."""

    at: str = "ready"
    nth: int = 1

    def on_moment(self, name: str, now: float, life: FaultState) -> Iterable[TimedAction]:
        if name != self.at:
            return ()
        life.seen[name] += 1
        if self.nth not in (0, life.seen[name]):
            return ()
        return [TimedAction(now, act) for act in self.actions()]

    def actions(self) -> tuple[WireAction, ...]:
        """What to do then."""
        return ()


@dataclass(frozen=True, slots=True)
class CloseFault(_MomentFault):
    """Close with any code and reason."""

    name: ClassVar[str] = "close"
    summary: ClassVar[str] = "close with a code and reason at a moment"
    code: int = 1011
    reason: str = ""

    def actions(self) -> tuple[WireAction, ...]:
        """Close."""
        return (CloseFrame(self.code, self.reason),)


@dataclass(frozen=True, slots=True)
class DropFault(_MomentFault):
    """End the TCP connection without a close frame."""

    name: ClassVar[str] = "drop"
    summary: ClassVar[str] = "end TCP without a close frame at a moment"

    def actions(self) -> tuple[WireAction, ...]:
        """Drop."""
        return (Drop(),)


@dataclass(frozen=True, slots=True)
class ResetFault(_MomentFault):
    """Reset the TCP connection."""

    name: ClassVar[str] = "reset"
    summary: ClassVar[str] = "reset TCP at a moment"

    def actions(self) -> tuple[WireAction, ...]:
        """Reset."""
        return (Reset(),)


@dataclass(frozen=True, slots=True)
class HalfOpenFault(_MomentFault):
    """Keep the socket and do nothing any more, pongs included."""

    name: ClassVar[str] = "half-open"
    summary: ClassVar[str] = "stop reading and writing at a moment, keep the socket"

    def actions(self) -> tuple[WireAction, ...]:
        """Freeze."""
        return (Freeze(),)


@dataclass(frozen=True, slots=True)
class GarbageFault(_MomentFault):
    """Send a text frame that is no JSON."""

    name: ClassVar[str] = "garbage"
    summary: ClassVar[str] = "send a text frame that is not JSON at a moment"

    def actions(self) -> tuple[WireAction, ...]:
        """Send it."""
        return (TextFrame("garbage", b"<html>502 Bad Gateway</html>"),)


@dataclass(frozen=True, slots=True)
class InvalidUtf8Fault(_MomentFault):
    """Send a text frame whose bytes are not UTF-8: the client must fail the connection with 1007 (RFC 6455 8.1)."""

    name: ClassVar[str] = "invalid-utf8"
    summary: ClassVar[str] = "send a text frame that is not UTF-8 at a moment"

    def actions(self) -> tuple[WireAction, ...]:
        """Write the frame past the codec."""
        return (RawBytes(b"\x81\x04\xc3\x28\xff\xfe"),)


@dataclass(frozen=True, slots=True)
class LatencyFault(Fault):
    """Delay all that goes out, in order."""

    name: ClassVar[str] = "latency"
    summary: ClassVar[str] = "delay what goes out by ms, plus or minus jitter; order is kept"
    ms: float = 100.0
    jitter: float = 0.0

    def on_action(self, timed: TimedAction, life: FaultState) -> Iterable[TimedAction]:
        """Delay one act."""
        wait = max(0.0, self.ms + life.random.uniform(-self.jitter, self.jitter)) / 1000
        life.busy_until = max(life.busy_until, timed.due_at + wait)
        return (TimedAction(life.busy_until, timed.action),)


@dataclass(frozen=True, slots=True)
class BandwidthFault(Fault):
    """Let so many bytes a second out."""

    name: ClassVar[str] = "bandwidth"
    summary: ClassVar[str] = "let so many bytes a second out"
    bytes_per_second: float = 16_000.0

    def on_action(self, timed: TimedAction, life: FaultState) -> Iterable[TimedAction]:
        """Queue one act behind the others."""
        size = len(timed.action.data) if isinstance(timed.action, TextFrame | RawBytes) else 0
        life.busy_until = max(life.busy_until, timed.due_at) + size / self.bytes_per_second
        return (TimedAction(life.busy_until, timed.action),)


@dataclass(frozen=True, slots=True)
class StallFault(Fault):
    """Hold back everything for a while from a moment on."""

    name: ClassVar[str] = "stall"
    summary: ClassVar[str] = "hold everything back for so many seconds from the nth moment on"
    at: str = "audio"
    seconds: float = 5.0
    nth: int = 1

    def on_action(self, timed: TimedAction, life: FaultState) -> Iterable[TimedAction]:
        """Hold one act back while the stall lasts."""
        if isinstance(timed.action, TextFrame) and timed.action.type in SERVER_MOMENTS.get(self.at, ()):
            life.seen[self.at] += 1
            if life.seen[self.at] == self.nth:
                life.busy_until = timed.due_at + self.seconds
        return (TimedAction(max(timed.due_at, life.busy_until), timed.action),)

    def on_moment(self, name: str, now: float, life: FaultState) -> Iterable[TimedAction]:
        """Begin at a client's event."""
        if name == self.at and name not in SERVER_MOMENTS:
            life.seen[name] += 1
            if life.seen[name] == self.nth:
                life.busy_until = now + self.seconds
        return ()


@dataclass(frozen=True, slots=True)
class DuplicateFault(Fault):
    """Send some events twice."""

    name: ClassVar[str] = "duplicate"
    summary: ClassVar[str] = "send events twice, with this probability"
    rate: float = 0.1

    def on_action(self, timed: TimedAction, life: FaultState) -> Iterable[TimedAction]:
        """Send one act once or twice."""
        twice = isinstance(timed.action, TextFrame) and life.random.random() < self.rate
        return (timed, timed) if twice else (timed,)


@dataclass(frozen=True, slots=True)
class TruncateFault(Fault):
    """Cut some text frames short: whole as frames, broken as JSON."""

    name: ClassVar[str] = "truncate"
    summary: ClassVar[str] = "cut text frames in half, with this probability"
    rate: float = 0.1

    def on_action(self, timed: TimedAction, life: FaultState) -> Iterable[TimedAction]:
        """Cut one act, or not."""
        if isinstance(timed.action, TextFrame) and life.random.random() < self.rate:
            half = timed.action.data[: len(timed.action.data) // 2]
            return (TimedAction(timed.due_at, TextFrame("truncated", half)),)
        return (timed,)
