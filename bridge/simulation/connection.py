"""One visit of a caller at the bridge, from connect to the end of its socket: what was said, what was told.

Plain books; `client.py` writes them, `invariants.py` reads them.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bridge.protocol.audio.tracer import CELL_MS, TracerSource
from bridge.protocol.events.groups import SESSION_CREATED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.simulation.network import MemoryLink
    from bridge.simulation.service import SimulatedService


class ReportedSessionState(StrEnum):
    """How the session stands as far as the client was told."""

    NONE = "none"
    OPENING = "opening"
    READY = "ready"
    LOST = "lost"
    ENDED = "over"
    """It failed or was closed: `create_session` begins anew."""


#: What a message does to the standing.
_STANDING: Mapping[str, ReportedSessionState] = {
    "session_initializing": ReportedSessionState.OPENING,
    "session_ready": ReportedSessionState.READY,
    "reconnecting": ReportedSessionState.LOST,
    "reconnected": ReportedSessionState.READY,
    "session_closed": ReportedSessionState.ENDED,
}
#: To an SDK a session is ready when it is there; that it was lost is not told.
_NATIVE_STANDING: Mapping[str, ReportedSessionState] = dict.fromkeys(SESSION_CREATED, ReportedSessionState.READY)


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """One message of the bridge, or a native event, as the client got it."""

    at: float
    type: str
    body: Mapping[str, Any]
    """Empty for speech."""


@dataclass(slots=True, kw_only=True)
class ConnectionRecord:
    """One socket."""

    name: str
    link: MemoryLink
    service: SimulatedService
    source: TracerSource
    native: bool = False
    """Whether it is an SDK's."""
    received: list[ReceivedMessage] = field(default_factory=list)
    log_events: list[tuple[float, str, Mapping[str, Any]]] = field(default_factory=list)
    """What the bridge noted about it."""
    counts: Counter[str] = field(default_factory=Counter)
    speech: list[tuple[int, int]] = field(default_factory=list)
    """Which of the tracer's milliseconds were speech, as (from, to)."""
    waived: list[tuple[int, int]] = field(default_factory=list)
    """What the client itself gave up by ending its session: nobody owes it an answer."""
    state: ReportedSessionState = ReportedSessionState.NONE
    generation: int = 0
    call_id: str | None = None
    opened: bool = False
    """Whether the socket came to be."""
    closed: tuple[int | None, str, bool] | None = None
    """How the socket ended for the client: code, reason, by the bridge."""
    left: bool = False
    """Whether the client let go first."""
    left_at: float = math.inf
    """When it began to say goodbye."""
    served_until: float | None = None
    """When the bridge was done with it; None: it is not."""
    verified: bool = False
    """Whether it was whole at the end: ready, answered, all speech accounted for."""
    problem: str = ""
    """What it waited for in vain after the faults had stopped."""

    def record(self, told: ReceivedMessage) -> None:
        """Note what came, and how the session stands after it."""
        self.received.append(told)
        self.counts[told.type] += 1
        if told.type == "session_closed" and self.speech:
            self.waive_speech()
        self.generation = max(self.generation, int(told.body.get("generation") or 0))
        self.state = (_NATIVE_STANDING if self.native else _STANDING).get(told.type, self.state)
        if told.type == "error" and self._ends_session(told.body):
            self.state = ReportedSessionState.ENDED
        if told.type == "response.function_call_arguments.done":
            self.call_id = told.body.get("call_id")

    def _ends_session(self, error: Mapping[str, Any]) -> bool:
        return "attempts" in (error.get("detail") or {}) and error.get("generation") == self.generation

    def waive_speech(self) -> None:
        """Nothing of what was said until now is owed any more."""
        self.waived = [(0, self.source.sent_ms)]

    @property
    def reconnections(self) -> int:
        """How often its session was lost and came back."""
        return sum(name == "session.reconnected" for _, name, _ in self.log_events)

    @property
    def ended(self) -> bool:
        """Whether the client has no socket any more."""
        return self.closed is not None or self.left

    @property
    def reported_dropped_ms(self) -> float:
        """What the client was told was given up."""
        return sum(float(told.body["ms"]) for told in self.received if told.type == "audio_dropped")

    @property
    def logged_dropped_ms(self) -> float:
        """What the bridge gave up, told or not."""
        return sum(float(fields["ms"]) for _, name, fields in self.log_events if name == "held.dropped")

    @property
    def resent_ms(self) -> float:
        """What the bridge says that it sent again."""
        return sum(float(fields["resentMs"]) for _, name, fields in self.log_events if name == "session.reconnected")

    def missing_speech(self, *, within_heard: bool = False) -> int:
        """Count the milliseconds of speech that the service never heard; `within_heard`: before the last that it did.

        What the client gave up itself does not count.
        """
        heard = [(first * CELL_MS, end * CELL_MS) for first, end in self._heard()]
        end = max((last for _, last in heard), default=0) if within_heard else self.source.sent_ms
        owed = _without(_without(self.speech, self.waived), [(end, self.source.sent_ms)])
        return sum(last - first for first, last in _without(owed, heard))

    def _heard(self) -> list[tuple[int, int]]:
        plain: Any = self.service.tracer_account.to_dict()["callers"]
        return [(first, end) for first, end in plain.get(str(self.source.caller), {"seen": []})["seen"]]


def _without(ranges: list[tuple[int, int]], away: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Take ranges out of ranges; both are in order and do not overlap."""
    left = list(ranges)
    for first, last in away:
        kept: list[tuple[int, int]] = []
        for begin, end in left:
            kept += [(begin, min(end, first)), (max(begin, last), end)]
        left = [(begin, end) for begin, end in kept if begin < end]
    return left
