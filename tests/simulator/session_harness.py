"""Test harness: runs a simulated session in virtual time, without sockets, and records its events with their times.

Events are encoded to JSON and decoded at once, so that later changes in the session cannot affect the record.
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
    """Audio that turn detection takes for speech, in whole windows of 20 ms."""
    return _LOUD * (ms // 20)


def base64(pcm: bytes) -> str:
    return binascii.b2a_base64(pcm, newline=False).decode("ascii")


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """A server event and the session time at which it was sent."""

    at: float
    event: Event

    @property
    def type(self) -> str:
        name: str = self.event["type"]
        return name


class SimulatorHarness:
    """One session and its events so far. Time passes only in `wait`, `until` and `run_until_idle`."""

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
        self.setup = setup = SessionSetup(dialect=dialect, kind=kind, model=model, unix_time=UNIX_TIME, config=config)
        self.received_audio: list[bytes] = []
        behaviour = apply_faults(faults, behaviour or SessionBehaviour())
        self.session = SimulatedSession(setup, behaviour=behaviour, seed=seed, on_audio=self.received_audio.append)
        self.pipeline = FaultPipeline(faults, seed)
        self.pipeline.on_connect(0.0)
        self.now = 0.0
        self.timed_events: list[TimedEvent] = []
        self.close: ServerClose | None = None
        self.closed_at: float | None = None
        self._record(self.session.start(0.0), 0.0)
        if open_session:
            self.wait(0.005)

    # What the client does.

    def frame(self, data: str | bytes) -> list[Event]:
        """Send a frame as it is and return the events that answer it at once."""
        first = len(self.timed_events)
        session, now = self.session, self.now
        self._record(
            session.receive(_as_sent(data), now) if isinstance(data, str) else session.receive_binary(data, now), now
        )
        self.pipeline.on_client_event(peek(data) if isinstance(data, str) else None, self.now)
        return self.events[first:]

    def send(self, event_type: str, /, **fields: Any) -> list[Event]:
        """Send an event and return the events that answer it at once."""
        return self.frame(msgspec.json.encode({"type": event_type, **fields}).decode())

    def append(self, pcm: bytes) -> list[Event]:
        """Send audio, in one piece."""
        return self.send("input_audio_buffer.append", audio=base64(pcm))

    def say(self, ms: int = 600, quiet_ms: int = 700) -> list[Event]:
        """Speak and fall silent: a turn for the default turn detection."""
        return self.append(speech(ms) + silence(quiet_ms))

    def type(self, text: str, **fields: Any) -> list[Event]:
        """Put a user message of text into the conversation."""
        part = {"type": "input_text", "text": text}
        item = {"type": "message", "role": "user", "content": [part], **fields}
        return self.send("conversation.item.create", item=item)

    # What time does.

    def wait(self, seconds: float) -> list[Event]:
        """Let time pass and return the events sent meanwhile."""
        first, end = len(self.timed_events), self.now + seconds
        while (due := self.session.next_wake) is not None and due <= end:
            self._wake(due)
        self.now = end
        self._record(self.session.wake(end), end)
        return self.events[first:]

    def until(self, event_type: str, seconds: float = 60.0) -> Event:
        """Let time pass until the next event of this type and return it. Raises AssertionError if it does not come."""
        first, end = len(self.timed_events), self.now + seconds
        while (due := self.session.next_wake) is not None and due <= end:
            self._wake(due)
            for timed in self.timed_events[first:]:
                if timed.type == event_type:
                    return timed.event
        raise AssertionError(f"no {event_type} within {seconds} s, only {self.types_from(first)}")

    def run_until_idle(self, limit: float = 120.0) -> list[Event]:
        """Let time pass until nothing is due within `limit` seconds, and return the events sent meanwhile."""
        first = len(self.timed_events)
        while (due := self.session.next_wake) is not None and due <= self.now + limit:
            self._wake(due)
        return self.events[first:]

    # What was recorded.

    @property
    def events(self) -> list[Event]:
        """All events so far."""
        return [timed.event for timed in self.timed_events]

    @property
    def types(self) -> list[str]:
        """The types of all events so far, a run of equal types as one."""
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
        """The time of the first event of a type."""
        return next(timed.at for timed in self.timed_events if timed.type == event_type)

    def take_actions(self) -> list[tuple[float, WireAction]]:
        """Take all actions out of the pipeline, with the times at which they are due."""
        actions = []
        while (at := self.pipeline.next_due_at) is not None:
            actions += [(at, action) for action in itertools.islice(self.pipeline.pop_due(at), 1)]
        return actions

    def _wake(self, due: float) -> None:
        self.now = max(self.now, due)
        self._record(self.session.wake(self.now), self.now)

    def _record(self, outputs: list[ServerOutput], now: float) -> None:
        self.pipeline.send(outputs, now)
        for out in outputs:
            assert self.close is None, f"{out} came after the close"
            match out:
                case ServerEvent(event_type, event):
                    decoded = msgspec.json.decode(msgspec.json.encode(event))
                    assert decoded["type"] == event_type
                    self.timed_events.append(TimedEvent(now, decoded))
                case ServerClose():
                    self.close, self.closed_at = out, now


def _as_sent(text: str) -> str | bytes:
    """Encode a text as a link hands it over. One that cannot be sent stays as it is."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text


def collapse_types(events: Iterable[Event]) -> list[str]:
    """Return the types of events, a run of equal types as one."""
    names = [event["type"] for event in events]
    return [name for name, _ in itertools.groupby(names)]


def error_of(events: list[Event]) -> tuple[str | None, str | None]:
    """Return code and param of these events, which must be a single `error`."""
    (event,) = events
    assert event["type"] == "error"
    assert event["error"]["type"] == "invalid_request_error"
    return event["error"]["code"], event["error"]["param"]
