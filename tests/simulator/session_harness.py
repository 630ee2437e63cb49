"""A session without sockets: drives a script in virtual time and writes down what it says, and when.

Events are taken through JSON at once, as the wire does it, so that what is written down cannot change afterwards.
"""

from __future__ import annotations

import binascii
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from bridge.protocol.audio.pcm import silence, tone
from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.events.peek import peek
from bridge.simulator.faults.base import apply_faults
from bridge.simulator.faults.pipeline import FaultPipeline
from bridge.simulator.session.behaviour import SessionBehaviour
from bridge.simulator.session.session import ServerClose, ServerEvent, SessionSetup, SimulatedSession

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bridge.simulator.faults.actions import WireAction
    from bridge.simulator.faults.base import Fault
    from bridge.simulator.session.state import ServerOutput

Event: TypeAlias = dict[str, Any]

#: 2026-09-18, the day of the recordings.
UNIX_TIME = 1_789_689_600
_LOUD = tone(400, 20, 6_000)


def speech(ms: int) -> bytes:
    """Audio that turn detection takes for speech; whole windows of 20 ms."""
    return _LOUD * (ms // 20)


def base64(pcm: bytes) -> str:
    return binascii.b2a_base64(pcm, newline=False).decode("ascii")


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """One event of the server and the session time at which it came."""

    at: float
    event: Event

    @property
    def type(self) -> str:
        name: str = self.event["type"]
        return name


class SimulatorHarness:
    """One session and all that it said so far. Time stands still except in `wait`, `until` and `rest`."""

    def __init__(
        self,
        kind: SessionKind = SessionKind.CONVERSATION,
        dialect: Dialect = Dialect.GA,
        *,
        behaviour: SessionBehaviour | None = None,
        seed: int = 1,
        model: str = "gpt-realtime-2.1",
        config: Event | None = None,
        faults: Sequence[Fault] = (),
        open_session: bool = True,
    ) -> None:
        self.setup = opening = SessionSetup(dialect=dialect, kind=kind, model=model, unix_time=UNIX_TIME, config=config)
        self.received_audio: list[bytes] = []
        behaviour = apply_faults(faults, behaviour or SessionBehaviour())
        self.session = SimulatedSession(opening, behaviour=behaviour, seed=seed, on_audio=self.received_audio.append)
        self.pipeline = FaultPipeline(faults, seed)
        self.pipeline.on_connect(0.0)
        self.now = 0.0
        self.timed_events: list[TimedEvent] = []
        self.close: ServerClose | None = None
        self.closed_at: float | None = None
        self._note(self.session.start(0.0), 0.0)
        if open_session:
            self.wait(0.005)

    # What the client does.

    def frame(self, data: str | bytes) -> list[Event]:
        """Send a frame as it is; gives what is answered in the same moment."""
        first = len(self.timed_events)
        self._note(self.session.receive(data, self.now), self.now)
        self.pipeline.on_client_event(peek(data) if isinstance(data, str) else None, self.now)
        return self.events[first:]

    def send(self, event_type: str, /, **fields: Any) -> list[Event]:
        """Send an event; gives what is answered in the same moment."""
        return self.frame(msgspec.json.encode({"type": event_type, **fields}).decode())

    def append(self, pcm: bytes) -> list[Event]:
        """Send audio, in one piece."""
        return self.send("input_audio_buffer.append", audio=base64(pcm))

    def say(self, ms: int = 600, quiet_ms: int = 400) -> list[Event]:
        """Speak and fall silent: a turn for the default turn detection."""
        return self.append(speech(ms) + silence(quiet_ms))

    def type(self, text: str, **fields: Any) -> list[Event]:
        """Put a user message of text into the conversation."""
        part = {"type": "input_text", "text": text}
        item = {"type": "message", "role": "user", "content": [part], **fields}
        return self.send("conversation.item.create", item=item)

    # What time does.

    def wait(self, seconds: float) -> list[Event]:
        """Let so much time pass; gives what is said meanwhile."""
        first, end = len(self.timed_events), self.now + seconds
        while (due := self.session.next_wake) is not None and due <= end:
            self._wake(due)
        self.now = end
        self._note(self.session.wake(end), end)
        return self.events[first:]

    def until(self, event_type: str, seconds: float = 60.0) -> Event:
        """Let time pass up to the next event of this type and give it; AssertionError when it does not come."""
        first, end = len(self.timed_events), self.now + seconds
        while (due := self.session.next_wake) is not None and due <= end:
            self._wake(due)
            for heard in self.timed_events[first:]:
                if heard.type == event_type:
                    return heard.event
        raise AssertionError(f"no {event_type} within {seconds} s; heard {self.types_from(first)}")

    def run_until_idle(self, limit: float = 120.0) -> list[Event]:
        """Let everything that is under way come to its end: nothing more is due within `limit`."""
        first = len(self.timed_events)
        while (due := self.session.next_wake) is not None and due <= self.now + limit:
            self._wake(due)
        return self.events[first:]

    # What was heard.

    @property
    def events(self) -> list[Event]:
        """Everything so far."""
        return [heard.event for heard in self.timed_events]

    @property
    def types(self) -> list[str]:
        """The types of everything so far, a run of the same deltas as one."""
        return self.types_from(0)

    def types_from(self, first: int) -> list[str]:
        return collapse_types(self.events[first:])

    def all(self, event_type: str) -> list[Event]:
        """Every event of a type."""
        return [event for event in self.events if event["type"] == event_type]

    def one(self, event_type: str) -> Event:
        """The only event of a type."""
        (found,) = self.all(event_type)
        return found

    def at(self, event_type: str) -> float:
        """When the first event of a type came."""
        return next(heard.at for heard in self.timed_events if heard.type == event_type)

    def take_actions(self) -> list[tuple[float, WireAction]]:
        """Take everything that the wire does with it, faults included, and when."""
        acts = []
        while (at := self.pipeline.next_due_at) is not None:
            acts += [(at, act) for act in itertools.islice(self.pipeline.pop_due(at), 1)]
        return acts

    def _wake(self, due: float) -> None:
        self.now = max(self.now, due)
        self._note(self.session.wake(self.now), self.now)

    def _note(self, outs: list[ServerOutput], now: float) -> None:
        self.pipeline.send(outs, now)
        for out in outs:
            assert self.close is None, f"{out} came after the close"
            match out:
                case ServerEvent(event_type, event):
                    decoded = msgspec.json.decode(msgspec.json.encode(event))
                    assert decoded["type"] == event_type
                    self.timed_events.append(TimedEvent(now, decoded))
                case ServerClose():
                    self.close, self.closed_at = out, now


def collapse_types(events: Iterable[Event]) -> list[str]:
    """Give the types of events; deltas that follow one another are named once, audio and transcript as one run."""
    names = [event["type"] for event in events]
    return [name for name, _ in itertools.groupby(names)]


def error_of(events: list[Event]) -> tuple[str | None, str | None]:
    """Code and param of the one `error` that these events are."""
    (event,) = events
    assert event["type"] == "error"
    assert event["error"]["type"] == "invalid_request_error"
    return event["error"]["code"], event["error"]["param"]
