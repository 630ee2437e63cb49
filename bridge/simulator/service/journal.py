"""The journal of a simulator: what it received, for tests and load runs to read back.

It holds counts, times and event types, and accounts of tracer audio, but no content. Every collection is bounded.
"""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from bridge.protocol.audio.pcm import BYTES_PER_MS
from bridge.protocol.audio.tracer import TracerReceiver

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Sessions in the journal, running or not. A record with 20 events takes 6 KiB, or 12 KiB if the client made up event
#: types: 60 to 120 MiB at most.
MAX_SESSIONS = 10_000
#: Events kept for one session, the newest last: enough for a test to read a whole conversation.
MAX_EVENTS = 500
#: The newest 500 sessions keep MAX_EVENTS, older ones only the last 20. At 80 bytes each that is 20 MiB.
MAX_FULL_RECORDS, MAX_OLD_EVENTS = 500, 20
#: A client can make up event types, so only the first 32 types of a session are counted by name, cut to 100
#: characters. All others count as OTHER_NAME.
MAX_NAMES, MAX_NAME = 32, 100
OTHER_NAME = "(other)"
#: API keys with a tracer account of their own.
MAX_KEYS = 1_000
#: Dials (connection attempts) are counted per tenth of a second, so that the rate over any second can be computed. The
#: journal keeps one hour.
TENTHS_PER_SECOND, MAX_TENTHS = 10, 36_000


class ReceivedEvent(msgspec.Struct, frozen=True, gc=False):
    """One client event: its time in seconds since the session opened, and its type.

    A struct and not a dataclass: one is made for every event, and the garbage collector need not look at them.
    """

    at: float
    type: str


@dataclass(slots=True, kw_only=True)
class SessionRecord:
    """One WebSocket session, running or ended."""

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
        """Count one client event and add it to `events`."""
        name = event_type[:MAX_NAME]
        if name not in self.counts and len(self.counts) >= MAX_NAMES:
            name = OTHER_NAME
        self.counts[name] += 1
        self.events.append(ReceivedEvent(at, sys.intern(name)))

    @property
    def audio_ms(self) -> float:
        """How much audio the client has sent, in ms of PCM16 at 24 kHz."""
        return self.audio_bytes / BYTES_PER_MS


class Journal:
    """What one simulator has received."""

    def __init__(self) -> None:
        self._sessions: deque[SessionRecord] = deque(maxlen=MAX_SESSIONS)
        self._tracers: OrderedDict[str, TracerReceiver] = OrderedDict()
        self.requests: Counter[str] = Counter()
        """REST requests and upgrades by `METHOD path`. Unknown methods and paths count as `(other)`."""
        self._dials: OrderedDict[int, int] = OrderedDict()

    def record_dial(self, unix_time: float) -> None:
        """Count an attempt to open a WebSocket, successful or not."""
        tenth = int(unix_time * TENTHS_PER_SECOND)
        self._dials[tenth] = self._dials.get(tenth, 0) + 1
        if len(self._dials) > MAX_TENTHS:
            self._dials.popitem(last=False)

    @property
    def dials(self) -> list[tuple[float, int]]:
        """Attempts to open a WebSocket, per tenth of a second: its start in Unix seconds, and their number."""
        return [(tenth / TENTHS_PER_SECOND, count) for tenth, count in self._dials.items()]

    def add_session(self, record: SessionRecord) -> None:
        """Add the record of a new session. The record that leaves the newest 500 drops all but its last 20 events."""
        self._sessions.append(record)
        if len(self._sessions) > MAX_FULL_RECORDS:
            old = self._sessions[-MAX_FULL_RECORDS - 1]
            old.events = deque(old.events, maxlen=MAX_OLD_EVENTS)

    def sessions(self, key: str | None = None) -> list[SessionRecord]:
        """Return the records, oldest first; with `key`, only those of that API key."""
        return [record for record in self._sessions if key is None or record.key == key]

    def tracer_account(self, key: str) -> TracerReceiver:
        """Return the account of tracer audio received with this key, over all its sessions. Creates it if needed."""
        account = self._tracers.get(key)
        if account is None:
            if len(self._tracers) >= MAX_KEYS:
                self._tracers.popitem(last=False)
            account = self._tracers[key] = TracerReceiver()
        return account

    @property
    def tracer_accounts(self) -> Mapping[str, TracerReceiver]:
        """The accounts of tracer audio by API key."""
        return self._tracers

    def clear(self) -> None:
        """Delete everything. Running sessions are no longer listed, and go on."""
        self._sessions.clear()
        self._tracers.clear()
        self._dials.clear()
        self.requests.clear()
