"""One connection of a caller to the bridge, from the connect to the end of its socket: what went out, what came in.

Data only: `client.py` writes it, `invariants.py` reads it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.client_protocol.client import ReportedState
from bridge.protocol.audio.tracer import CELL_MS, TracerSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.simulation.network import MemoryLink
    from bridge.simulation.service import SimulatedService

Range = tuple[int, int]
"""From and to, in milliseconds of the tracer audio that a connection sent."""


#: Why a session ends at a cap (client protocol, "Caps").
CAP_REASONS = frozenset({"budget", "idle", "max_duration"})


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message of the bridge, or a native event, as the client received it."""

    at: float
    """Seconds of the virtual clock."""
    type: str
    body: Mapping[str, Any]
    """Empty for audio."""


@dataclass(slots=True, kw_only=True)
class ConnectionRecord:
    """One connection. Times are seconds of the virtual clock."""

    name: str
    link: MemoryLink
    service: SimulatedService
    source: TracerSource
    native: bool = False
    """Whether the client is an SDK at the native endpoint."""
    received: list[ReceivedMessage] = field(default_factory=list)
    log_events: list[tuple[float, str, Mapping[str, Any]]] = field(default_factory=list)
    """What the bridge logged about this client: time, event name, fields."""
    counts: Counter[str] = field(default_factory=Counter)
    """How many messages were received, by type."""
    speech: list[Range] = field(default_factory=list)
    """Which of the tracer audio was speech, not silence."""
    waived: list[Range] = field(default_factory=list)
    """Speech that the client gave up by ending its session: it needs no answer."""
    state: ReportedState = ReportedState.NONE
    """The state of the session, as far as the client knows."""
    call_id: str | None = None
    """The tool call that waits for its result."""
    opened: bool = False
    """Whether the WebSocket was opened."""
    closed: tuple[int | None, str, bool] | None = None
    """How the socket ended for the client: code, reason, whether by the bridge. None: the client closed it."""
    left: bool = False
    """Whether the client ended the connection first."""
    reads_from: float = 0.0
    """When it last began to read; infinite while it leaves unread what the bridge sends."""
    left_at: float = math.inf
    """When the client started to close."""
    served_until: float | None = None
    """When the bridge finished with this connection; None: it hasn't."""
    verified: bool = False
    """Whether the session worked at the end: ready, answered, all speech accounted for."""
    problem: str = ""
    """What the client waited for in vain after the faults had ended."""

    def record(self, message: ReceivedMessage, state: ReportedState) -> None:
        """Add a message, and the state of the session after it."""
        self.received.append(message)
        self.counts[message.type] += 1
        self.state = state
        if message.type == "session_closed" and self.speech:
            self.waive_speech()
        if message.type == "response.function_call_arguments.done":
            self.call_id = message.body.get("call_id")

    def waive_speech(self) -> None:
        """Expect no answer to any earlier turn."""
        self.waived = [(0, self.source.sent_ms)]

    @property
    def capped(self) -> str:
        """The reason for which a cap ended a session of this connection; empty if none did."""
        reasons = (str(fields.get("reason")) for _, name, fields in self.log_events if name == "session.closed")
        return next((reason for reason in reasons if reason in CAP_REASONS), "")

    @property
    def reconnections(self) -> int:
        """How often the session was lost and came back."""
        return sum(name == "session.reconnected" for _, name, _ in self.log_events)

    @property
    def ended(self) -> bool:
        """Whether the client has no socket any more."""
        return self.closed is not None or self.left

    @property
    def reported_dropped_ms(self) -> float:
        """Speech that the bridge dropped and reported. It reports nothing to an SDK: there the log counts."""
        if self.native:
            return self.logged_dropped_ms
        return sum(float(message.body["ms"]) for message in self.received if message.type == "audio_dropped")

    @property
    def logged_dropped_ms(self) -> float:
        """Speech that the bridge dropped, reported to the client or not."""
        return sum(float(fields["ms"]) for _, name, fields in self.log_events if name == "held.dropped")

    @property
    def resent_ms(self) -> float:
        """Speech that the bridge says it sent again."""
        return sum(float(fields["resentMs"]) for _, name, fields in self.log_events if name == "session.reconnected")

    def missing_speech(self, *, within_heard: bool = False) -> int:
        """Count the milliseconds of speech that the service never received, without what the client gave up.

        `within_heard` counts only what is missing before the last audio that the service did receive.
        """
        heard = [(first * CELL_MS, end * CELL_MS) for first, end in self._heard_cells()]
        end = max((last for _, last in heard), default=0) if within_heard else self.source.sent_ms
        owed = _subtract(_subtract(self.speech, self.waived), [(end, self.source.sent_ms)])
        return sum(last - first for first, last in _subtract(owed, heard))

    def _heard_cells(self) -> list[Range]:
        callers: Any = self.service.tracer_account.to_dict()["callers"]
        return [(first, end) for first, end in callers.get(str(self.source.caller), {"seen": []})["seen"]]


def _subtract(ranges: list[Range], removed: list[Range]) -> list[Range]:
    """Take ranges out of ranges; both are in order and don't overlap."""
    left = list(ranges)
    for first, last in removed:
        kept: list[Range] = []
        for begin, end in left:
            kept += [(begin, min(end, first)), (max(begin, last), end)]
        left = [(begin, end) for begin, end in kept if begin < end]
    return left
