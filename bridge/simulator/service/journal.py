"""What arrived, for tests and load runs to read back: counts and times, never content; tracer audio is counted."""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.protocol.audio.pcm import BYTES_PER_MS
from bridge.protocol.audio.tracer import TracerReceiver

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Sessions remembered, running or not. With 20 events left a record measures 6 KiB, 12 with names that were made up:
#: 60 to 120 MiB at the most.
MAX_SESSIONS = 10_000
#: Events remembered of one session, newest last: enough for a test to read a whole conversation.
MAX_EVENTS = 500
#: The newest sessions keep all of these events, older ones the last few: at 80 bytes each that is 20 MiB.
MAX_FULL_RECORDS, MAX_OLD_EVENTS = 500, 20
#: A client may make event types up: so many of one session are counted by name, cut to this length, the rest as one.
MAX_NAMES, MAX_NAME = 32, 100
OTHER_NAME = "(other)"
#: Keys with a tracer account of their own.
MAX_KEYS = 1_000
#: Dials are counted by tenths of a second, so that any second's worth of them can be told; an hour of tenths.
TENTHS_PER_SECOND, MAX_TENTHS = 10, 36_000


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One client event: when (seconds since the session opened) and what type."""

    at: float
    type: str


@dataclass(slots=True, kw_only=True)
class SessionRecord:
    """One connection at the socket, while it lives and after."""

    session_id: str
    key: str
    scenario: str
    dialect: str
    kind: str
    model: str
    opened_at: float
    """Unix seconds."""
    counts: Counter[str] = field(default_factory=Counter)
    events: deque[ReceivedEvent] = field(default_factory=lambda: deque(maxlen=MAX_EVENTS))
    sent: Counter[str] = field(default_factory=Counter)
    audio_bytes: int = 0
    closed: bool = False
    close_code: int | None = None
    close_reason: str = ""
    closed_by_client: bool = False

    def record_event(self, event_type: str, at: float) -> None:
        """Note one client event."""
        name = event_type[:MAX_NAME]
        if name not in self.counts and len(self.counts) >= MAX_NAMES:
            name = OTHER_NAME
        self.counts[name] += 1
        self.events.append(ReceivedEvent(at, sys.intern(name)))

    @property
    def audio_ms(self) -> float:
        """How much audio arrived."""
        return self.audio_bytes / BYTES_PER_MS


class Journal:
    """All that arrived at one simulator."""

    def __init__(self) -> None:
        self._sessions: deque[SessionRecord] = deque(maxlen=MAX_SESSIONS)
        self._tracers: OrderedDict[str, TracerReceiver] = OrderedDict()
        self.requests: Counter[str] = Counter()
        """REST requests and upgrades by `METHOD path`; anything unknown under one name."""
        self._dials: OrderedDict[int, int] = OrderedDict()

    def record_dial(self, unix_time: float) -> None:
        """Somebody asks for a socket, whatever becomes of it."""
        tenth = int(unix_time * TENTHS_PER_SECOND)
        self._dials[tenth] = self._dials.get(tenth, 0) + 1
        if len(self._dials) > MAX_TENTHS:
            self._dials.popitem(last=False)

    @property
    def dials(self) -> list[tuple[float, int]]:
        """How many sockets were asked for, by the tenth of a second: when it began, in unix seconds, and how many."""
        return [(tenth / TENTHS_PER_SECOND, count) for tenth, count in self._dials.items()]

    def add_session(self, record: SessionRecord) -> None:
        """A connection begins; one that began long ago keeps fewer of its events."""
        self._sessions.append(record)
        if len(self._sessions) > MAX_FULL_RECORDS:
            old = self._sessions[-MAX_FULL_RECORDS - 1]
            old.events = deque(old.events, maxlen=MAX_OLD_EVENTS)

    def sessions(self, key: str | None = None) -> list[SessionRecord]:
        """Give the records, oldest first; of one key where it is named."""
        return [record for record in self._sessions if key is None or record.key == key]

    def tracer_account(self, key: str) -> TracerReceiver:
        """Give the account of tracer audio that came with this key, over all its sessions."""
        account = self._tracers.get(key)
        if account is None:
            if len(self._tracers) >= MAX_KEYS:
                self._tracers.popitem(last=False)
            account = self._tracers[key] = TracerReceiver()
        return account

    @property
    def tracer_accounts(self) -> Mapping[str, TracerReceiver]:
        """The accounts of tracer audio that there are, by key."""
        return self._tracers

    def clear(self) -> None:
        """Forget everything."""
        self._sessions.clear()
        self._tracers.clear()
        self._dials.clear()
        self.requests.clear()
