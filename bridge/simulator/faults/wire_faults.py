"""Faults of the wire: closes, drops, resets, stalls, delays, and frames that should not be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bridge.simulator.faults.base import Fault
from bridge.simulator.faults.pipeline import (
    SERVER_MOMENTS,
    Act,
    CloseFrame,
    Drop,
    Freeze,
    Life,
    Raw,
    Reset,
    Text,
    Timed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class _AtMoment(Fault):
    """A fault that acts once (`nth`), or each time (`nth=0`), behind a moment of the session."""

    at: str = "ready"
    nth: int = 1

    def moment(self, name: str, now: float, life: Life) -> Iterable[Timed]:
        if name != self.at:
            return ()
        life.seen[name] += 1
        if self.nth not in (0, life.seen[name]):
            return ()
        return [Timed(now, act) for act in self.acts()]

    def acts(self) -> tuple[Act, ...]:
        """What to do then."""
        return ()


@dataclass(frozen=True, slots=True)
class CloseAt(_AtMoment):
    """Close with any code and reason."""

    name: ClassVar[str] = "close"
    summary: ClassVar[str] = "close with a code and reason at a moment"
    code: int = 1011
    reason: str = ""

    def acts(self) -> tuple[Act, ...]:
        """Close."""
        return (CloseFrame(self.code, self.reason),)


@dataclass(frozen=True, slots=True)
class DropAt(_AtMoment):
    """End the TCP connection without a close frame."""

    name: ClassVar[str] = "drop"
    summary: ClassVar[str] = "end TCP without a close frame at a moment"

    def acts(self) -> tuple[Act, ...]:
        """Drop."""
        return (Drop(),)


@dataclass(frozen=True, slots=True)
class ResetAt(_AtMoment):
    """Reset the TCP connection."""

    name: ClassVar[str] = "reset"
    summary: ClassVar[str] = "reset TCP at a moment"

    def acts(self) -> tuple[Act, ...]:
        """Reset."""
        return (Reset(),)


@dataclass(frozen=True, slots=True)
class HalfOpen(_AtMoment):
    """Keep the socket and do nothing any more, pongs included."""

    name: ClassVar[str] = "half-open"
    summary: ClassVar[str] = "stop reading and writing at a moment, keep the socket"

    def acts(self) -> tuple[Act, ...]:
        """Freeze."""
        return (Freeze(),)


@dataclass(frozen=True, slots=True)
class Garbage(_AtMoment):
    """Send a text frame that is no JSON."""

    name: ClassVar[str] = "garbage"
    summary: ClassVar[str] = "send a text frame that is not JSON at a moment"

    def acts(self) -> tuple[Act, ...]:
        """Send it."""
        return (Text("garbage", b"<html>502 Bad Gateway</html>"),)


@dataclass(frozen=True, slots=True)
class InvalidUtf8(_AtMoment):
    """Send a text frame whose bytes are not UTF-8: the client must fail the connection with 1007 (RFC 6455 8.1)."""

    name: ClassVar[str] = "invalid-utf8"
    summary: ClassVar[str] = "send a text frame that is not UTF-8 at a moment"

    def acts(self) -> tuple[Act, ...]:
        """Write the frame past the codec."""
        return (Raw(b"\x81\x04\xc3\x28\xff\xfe"),)


@dataclass(frozen=True, slots=True)
class Latency(Fault):
    """Delay all that goes out, in order."""

    name: ClassVar[str] = "latency"
    summary: ClassVar[str] = "delay what goes out by ms, plus or minus jitter; order is kept"
    ms: float = 100.0
    jitter: float = 0.0

    def outgoing(self, timed: Timed, life: Life) -> Iterable[Timed]:
        """Delay one act."""
        wait = max(0.0, self.ms + life.random.uniform(-self.jitter, self.jitter)) / 1000
        life.until = max(life.until, timed.at + wait)
        return (Timed(life.until, timed.act),)


@dataclass(frozen=True, slots=True)
class Bandwidth(Fault):
    """Let so many bytes a second out."""

    name: ClassVar[str] = "bandwidth"
    summary: ClassVar[str] = "let so many bytes a second out"
    bytes_per_second: float = 16_000.0

    def outgoing(self, timed: Timed, life: Life) -> Iterable[Timed]:
        """Queue one act behind the others."""
        size = len(timed.act.data) if isinstance(timed.act, Text | Raw) else 0
        life.until = max(life.until, timed.at) + size / self.bytes_per_second
        return (Timed(life.until, timed.act),)


@dataclass(frozen=True, slots=True)
class Stall(Fault):
    """Hold back everything for a while from a moment on."""

    name: ClassVar[str] = "stall"
    summary: ClassVar[str] = "hold everything back for so many seconds from the nth moment on"
    at: str = "audio"
    seconds: float = 5.0
    nth: int = 1

    def outgoing(self, timed: Timed, life: Life) -> Iterable[Timed]:
        """Hold one act back while the stall lasts."""
        if isinstance(timed.act, Text) and timed.act.type in SERVER_MOMENTS.get(self.at, ()):
            life.seen[self.at] += 1
            if life.seen[self.at] == self.nth:
                life.until = timed.at + self.seconds
        return (Timed(max(timed.at, life.until), timed.act),)

    def moment(self, name: str, now: float, life: Life) -> Iterable[Timed]:
        """Begin at a client's event."""
        if name == self.at and name not in SERVER_MOMENTS:
            life.seen[name] += 1
            if life.seen[name] == self.nth:
                life.until = now + self.seconds
        return ()


@dataclass(frozen=True, slots=True)
class Duplicate(Fault):
    """Send some events twice."""

    name: ClassVar[str] = "duplicate"
    summary: ClassVar[str] = "send events twice, with this probability"
    rate: float = 0.1

    def outgoing(self, timed: Timed, life: Life) -> Iterable[Timed]:
        """Send one act once or twice."""
        twice = isinstance(timed.act, Text) and life.random.random() < self.rate
        return (timed, timed) if twice else (timed,)


@dataclass(frozen=True, slots=True)
class Truncate(Fault):
    """Cut some text frames short: whole as frames, broken as JSON."""

    name: ClassVar[str] = "truncate"
    summary: ClassVar[str] = "cut text frames in half, with this probability"
    rate: float = 0.1

    def outgoing(self, timed: Timed, life: Life) -> Iterable[Timed]:
        """Cut one act, or not."""
        if isinstance(timed.act, Text) and life.random.random() < self.rate:
            half = timed.act.data[: len(timed.act.data) // 2]
            return (Timed(timed.at, Text("truncated", half)),)
        return (timed,)
