"""What arrived, for tests and load runs to read back: counts and times, never content; tracer audio is counted."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field

from bridge.protocol.audio import BYTES_PER_MS
from bridge.protocol.tracer import TracerAccount

#: Sessions remembered after they ended; a record is about 2 KiB, so 20 MiB at the most.
MAX_SESSIONS = 10_000
#: Events remembered of one session, newest last: enough for a test to read a whole conversation.
MAX_EVENTS = 500
#: Keys with a tracer account of their own.
MAX_KEYS = 1_000


@dataclass(frozen=True, slots=True)
class Arrived:
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
    events: deque[Arrived] = field(default_factory=lambda: deque(maxlen=MAX_EVENTS))
    sent: Counter[str] = field(default_factory=Counter)
    audio_bytes: int = 0
    closed: bool = False
    close_code: int | None = None
    close_reason: str = ""
    closed_by_client: bool = False

    @property
    def audio_ms(self) -> float:
        """How much audio arrived."""
        return self.audio_bytes / BYTES_PER_MS


class Arrivals:
    """All that arrived at one simulator."""

    def __init__(self) -> None:
        self._sessions: deque[SessionRecord] = deque(maxlen=MAX_SESSIONS)
        self._tracers: OrderedDict[str, TracerAccount] = OrderedDict()
        self.requests: Counter[str] = Counter()
        """REST requests and upgrades by `METHOD path`; anything unknown under one name."""

    def open(self, record: SessionRecord) -> None:
        """A connection begins."""
        self._sessions.append(record)

    def sessions(self, key: str | None = None) -> list[SessionRecord]:
        """Give the records, oldest first; of one key where it is named."""
        return [record for record in self._sessions if key is None or record.key == key]

    def tracer(self, key: str) -> TracerAccount:
        """Give the account of tracer audio that came with this key, over all its sessions."""
        account = self._tracers.get(key)
        if account is None:
            if len(self._tracers) >= MAX_KEYS:
                self._tracers.popitem(last=False)
            account = self._tracers[key] = TracerAccount()
        return account

    def clear(self) -> None:
        """Forget everything."""
        self._sessions.clear()
        self._tracers.clear()
        self.requests.clear()
