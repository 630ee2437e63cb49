"""Audits audio by its echo: if the service answers with what it received, each answer shows what arrived. Pure.

Turn detection cuts the echo along the turns, so it says nothing about the silence between sentences, but everything
about an answered sentence. The audit therefore covers one sentence at a time, when its answer is complete. Sentences
that were not answered, or whose answer was interrupted, are counted elsewhere. Whether the service echoes at all shows
only over the whole run.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from bridge.protocol.audio.tracer import CELL_MS, TracerReceiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MAX_SENTENCES = 32
#: A half-open range of tracer cells in a caller's audio.
CellRange = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoResult:
    """What one answer shows about the sentence before it, in ms."""

    received_ms: int
    """How much of the sentence came back."""
    lost_ms: int
    repeated_ms: int
    """Came back more than once, in this answer or in an earlier one as well."""
    reordered_ms: int
    crosstalk_ms: int = 0
    """Audio of other callers."""


@dataclass(slots=True)
class EchoAudit:
    """The audit of one call."""

    caller: int
    _sentence: CellRange | None = None
    _answer: TracerReceiver = field(default_factory=TracerReceiver)
    _answered: deque[CellRange] = field(default_factory=lambda: deque(maxlen=_MAX_SENTENCES))
    """The last sentences that were answered: as many as a bridge could resend."""

    def sent(self, from_ms: int, to_ms: int) -> None:
        """Add a chunk of speech by its position in the caller's audio. The first one starts a sentence."""
        first = self._sentence[0] if self._sentence is not None else from_ms // CELL_MS
        self._sentence = (first, to_ms // CELL_MS)

    def received(self, pcm: bytes) -> None:
        """Add a piece of the answer's audio."""
        self._answer.feed(pcm)

    def discard(self) -> None:
        """Discard a sentence that gets no complete answer."""
        self._sentence, self._answer = None, TracerReceiver()

    def finish_answer(self) -> EchoResult | None:
        """End an answer. Returns None if no sentence was waiting for it."""
        sentence, answer = self._sentence, self._answer
        self.discard()
        answer.finish()
        if sentence is None:
            return None
        counts_by_caller = answer.counts()
        crosstalk = sum(count.received_ms for caller, count in counts_by_caller.items() if caller != self.caller)
        size = (sentence[1] - sentence[0]) * CELL_MS
        tally = counts_by_caller.get(self.caller)
        if tally is None:
            return EchoResult(received_ms=0, lost_ms=size, repeated_ms=0, reordered_ms=0, crosstalk_ms=crosstalk)
        spans = _ranges(answer, self.caller)
        received = _overlap(spans, [sentence])
        repeated = _overlap(spans, self._answered)
        self._answered.append(sentence)
        return EchoResult(
            received_ms=received * CELL_MS,
            lost_ms=(sentence[1] - sentence[0] - received) * CELL_MS,
            repeated_ms=tally.repeated_ms + repeated * CELL_MS,
            reordered_ms=tally.reordered_ms,
            crosstalk_ms=crosstalk,
        )

    def record(self, add_count: Callable[[str, float], None]) -> None:
        """End an answer and count what it shows about the sentence before it."""
        result = self.finish_answer()
        if result is not None:
            add_count("echoed_ms", result.received_ms)
            add_count("lost_ms", result.lost_ms)
            add_count("repeated_ms", result.repeated_ms)
            add_count("reordered_ms", result.reordered_ms)
            add_count("crosstalk_ms", result.crosstalk_ms)


def _ranges(account: TracerReceiver, caller: int) -> list[CellRange]:
    counts_by_caller = cast("dict[str, dict[str, list[CellRange]]]", account.to_dict()["callers"])
    return [(first, end) for first, end in counts_by_caller[str(caller)]["seen"]]


def _overlap(these: Iterable[CellRange], those: Iterable[CellRange]) -> int:
    """Count the cells that are in both lists. The ranges within a list must not overlap."""
    return sum(max(0, min(end, until) - max(first, begin)) for first, end in these for begin, until in those)
