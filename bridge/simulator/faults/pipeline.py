"""What goes over the wire and when, faults included: sans-I/O, times in and acts out.

A connection owns one `Wire`. The script's events go in, pass the faults in order, and come out as acts, each with the
time it is due. `connection.py` carries them out; nothing here sleeps or sends.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from bridge.protocol.events.groups import AUDIO_DELTAS, SESSION_CREATED, SESSION_UPDATE, SESSION_UPDATED, TEXT_DELTAS
from bridge.simulator.session.state import ServerClose, ServerEvent, ServerOutput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bridge.simulator.faults.base import Fault


@dataclass(frozen=True, slots=True)
class TextFrame:
    """Send a text frame."""

    type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class RawBytes:
    """Write these bytes to the stream as they are: a frame that no codec would make."""

    data: bytes


@dataclass(frozen=True, slots=True)
class CloseFrame:
    """Close with a close frame."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Drop:
    """End the stream without a close frame."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the TCP connection."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """Stop reading and writing, keep the socket: half-open."""


WireAction = TextFrame | RawBytes | CloseFrame | Drop | Reset | Freeze


@dataclass(frozen=True, slots=True)
class TimedAction:
    """An act and when it is due."""

    due_at: float
    action: WireAction


@dataclass(slots=True)
class FaultState:
    """What one fault remembers of one connection."""

    random: random.Random
    seen: Counter[str] = field(default_factory=Counter)
    busy_until: float = 0.0
    """When the last act of this fault is due; later ones keep behind it."""


#: Moments of a session that a fault can be tied to: which side's events, which types.
SERVER_MOMENTS = {
    "created": SESSION_CREATED,
    "ready": SESSION_UPDATED,
    "speech": frozenset({"input_audio_buffer.speech_started"}),
    "committed": frozenset({"input_audio_buffer.committed"}),
    "response": frozenset({"response.created"}),
    "text": TEXT_DELTAS,
    "audio": AUDIO_DELTAS | {"session.output_audio.delta"},
    "done": frozenset({"response.done"}),
}
CLIENT_MOMENTS = {
    "update": SESSION_UPDATE,
    "append": frozenset({"input_audio_buffer.append", "session.input_audio_buffer.append"}),
    "commit": frozenset({"input_audio_buffer.commit"}),
    "create": frozenset({"response.create"}),
}
#: Right behind the 101, before anything is sent.
CONNECT_MOMENT = "connect"
MOMENTS = (CONNECT_MOMENT, *SERVER_MOMENTS, *CLIENT_MOMENTS)


class FaultPipeline:
    """One connection's outgoing side."""

    def __init__(self, faults: Sequence[Fault], seed: int) -> None:
        self._seed = seed
        self._faults: list[tuple[Fault, FaultState]] = []
        self._due: deque[TimedAction] = deque()
        self.add_faults(faults)

    def on_connect(self, now: float) -> None:
        """The 101 has gone out."""
        for index, (fault, life) in enumerate(self._faults):
            self._pass(fault.on_moment(CONNECT_MOMENT, now, life), index + 1)

    def send(self, outs: Iterable[ServerOutput], now: float) -> None:
        """Take what the script sends."""
        if self._faults:
            self._pass((TimedAction(now, _act(out)) for out in outs), 0)
        else:
            self._due.extend(TimedAction(now, _act(out)) for out in outs)

    def on_client_event(self, event_type: str | None, now: float) -> None:
        """Take note of a client event; faults tied to it act behind what the script answers."""
        for index, (fault, life) in enumerate(self._faults):
            for name, types in CLIENT_MOMENTS.items():
                if event_type in types:
                    self._pass(fault.on_moment(name, now, life), index + 1)

    def _pass(self, acts: Iterable[TimedAction], first: int) -> None:
        """Lead acts through the faults from `first` on."""
        for fault, life in self._faults[first:]:
            acts = _through(fault, life, acts)
        self._due.extend(acts)

    def add_faults(self, faults: Sequence[Fault]) -> None:
        """Put more faults behind those that are there."""
        first = len(self._faults)
        fresh = enumerate(faults, first)
        self._faults += [(fault, FaultState(random.Random(f"{self._seed}:{index}"))) for index, fault in fresh]

    def send_first(self, timed: TimedAction) -> None:
        """Do this before everything that waits."""
        self._due.appendleft(timed)

    @property
    def next_due_at(self) -> float | None:
        """When the next act is due."""
        return self._due[0].due_at if self._due else None

    def pop_due(self, now: float) -> Iterator[WireAction]:
        """Take the acts that are due, in order."""
        while self._due and self._due[0].due_at <= now:
            yield self._due.popleft().action


def _through(fault: Fault, life: FaultState, acts: Iterable[TimedAction]) -> Iterator[TimedAction]:
    for timed in acts:
        yield from fault.on_action(timed, life)


def _act(out: ServerOutput) -> WireAction:
    match out:
        case ServerEvent(event_type, event):
            return TextFrame(event_type, msgspec.json.encode(event))
        case ServerClose(code, reason):
            return CloseFrame(code, reason)
