"""Where a process's callers put what they measure: into its figures, and into Locust's own statistics.

One for each process. Times are `time.monotonic` seconds; what travels is relative to the begin of the run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

from loadtests.metrics.histograms import Figures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Lateness of chunks is added up in steps of a tenth of a ms, and from 20 ms on in steps of two: a second has few of
#: them, and putting them into the figures stops nobody's speech.
_STEPS_PER_SECOND = 10_000
_COARSE_FROM, _COARSE = 200, 20
_MS = 1000.0
#: What Locust's statistics call an error message, by its code. The target chooses that: so much of it, and so many.
COMPLAINT, _LONGEST_CODE, _MOST_CODES, _OTHER_CODES = "error", 60, 50, "(others)"

#: Client protocol, "Errors": nothing went wrong with what was sent, and it need not be sent again.
_WAITS = frozenset({"SESSION_NOT_READY", "NO_SESSION_EXISTS"})


class Failed(Exception):  # noqa: N818 - what happened, and no fault of ours
    """Why something failed, in plain words: Locust tells failures apart by how they are written."""

    def __repr__(self) -> str:
        return str(self)


class Fire(Protocol):
    """Locust's `events.request.fire`, as much as is used of it."""

    def __call__(self, **said: Any) -> None:
        """Tell Locust of something that took time or failed."""
        ...


@dataclass(frozen=True, slots=True)
class Spoken:
    """What one call said, or several with one number, for the account of all speech."""

    caller: int
    """The number in his audio. Calls that end in good order are followed by one that goes on with it."""
    sent_ms: int
    """All that was said with this number until now."""
    sure_ms: int
    """So much of it must have arrived; a call that was cut in the middle may lose its end, and nothing before."""
    resent_ms: float = 0.0
    """How much the bridge said it sent again."""
    dropped_ms: float = 0.0
    """How much it said it dropped."""

    @property
    def row(self) -> list[Any]:
        """Give it in plain values, to be sent to the master."""
        return [self.caller, self.sent_ms, self.sure_ms, self.resent_ms, self.dropped_ms]

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """Read such a row."""
        return cls(int(row[0]), int(row[1]), int(row[2]), float(row[3]), float(row[4]))

    def and_then(self, later: Spoken) -> Spoken:
        """Put together what was said with one number in two calls, one behind the other."""
        return Spoken(
            self.caller,
            max(self.sent_ms, later.sent_ms),
            max(self.sure_ms, later.sure_ms),
            self.resent_ms + later.resent_ms,
            self.dropped_ms + later.dropped_ms,
        )


@dataclass(slots=True)
class Pulse:
    """Whether the target lives: attempts to get a session, since somebody last looked."""

    ready: int = 0
    failed: int = 0


@dataclass(slots=True)
class Chunks:
    """Chunks of one second of one phase: how many, how long, how late. Added up here, noted once a second."""

    second: int
    phase: str
    sent: int = 0
    sent_ms: int = 0
    lags: dict[int, int] = field(default_factory=dict)


class Notes(Protocol):
    """Where one call puts what it measures. Durations are seconds."""

    @property
    def pulse(self) -> Pulse:
        """Its attempts count here."""
        ...

    def took(self, name: str, seconds: float) -> None:
        """Note a duration."""
        ...

    def sent_chunk(self, ms: int, lag_seconds: float, now: float) -> None:
        """Note a chunk of speech, and how late it was."""
        ...

    def counted(self, name: str, amount: float = 1) -> None:
        """Add to a sum."""
        ...

    def complained(self, code: str) -> None:
        """Note an error message from the bridge."""
        ...

    def failed_at(self, name: str, why: str, seconds: float) -> None:
        """Note something that failed, and why in plain words."""
        ...

    def spoke(self, said: Spoken) -> None:
        """Note what a call said, at its end."""
        ...


@dataclass(slots=True)
class Meter:
    """What this process measured."""

    fire: Fire
    figures: Figures = field(default_factory=Figures)
    spoken: list[Spoken] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    began: float = -1.0
    """When the run began; by default, when this was made."""
    pulse: Pulse = field(default_factory=Pulse)
    _chunks: Chunks | None = None
    _codes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.began = self.clock() if self.began < 0 else self.began

    def took(self, name: str, seconds: float) -> None:
        """Note a duration, and let Locust's page show it."""
        self.figures.duration(name, seconds * _MS, self._at())
        self._tell("call", name, seconds * _MS)

    def sent_chunk(self, ms: int, lag_seconds: float, now: float) -> None:
        """Note a chunk of speech and how late it was. It runs 50 times a second for each caller: it only adds up."""
        chunks = self.chunks_at(now)
        chunks.sent += 1
        chunks.sent_ms += ms
        step = int(lag_seconds * _STEPS_PER_SECOND)
        if step > _COARSE_FROM:
            step -= step % _COARSE
        chunks.lags[step] = chunks.lags.get(step, 0) + 1

    def chunks_at(self, now: float) -> Chunks:
        """Give where the chunks of this second and this phase are added up."""
        second, chunks = int(max(0.0, now - self.began)), self._chunks
        if chunks is None or chunks.second != second or chunks.phase != self.figures.phase:
            self.flush()
            chunks = self._chunks = Chunks(second, self.figures.phase)
        return chunks

    def counted(self, name: str, amount: float = 1) -> None:
        """Add to a sum."""
        self.figures.count(name, amount, self._at())

    def complained(self, code: str) -> None:
        """Note an error message from the bridge: many are what a scenario wants, so it is no failure to Locust."""
        self.counted("told_to_wait" if code.upper() in _WAITS else "errors")
        named = code[:_LONGEST_CODE]
        if named not in self._codes and len(self._codes) >= _MOST_CODES:
            named = _OTHER_CODES
        self._codes.add(named)
        self._tell(COMPLAINT, named, None)

    def failed_at(self, name: str, why: str, seconds: float) -> None:
        """Note something that failed, in the sums and on Locust's page."""
        self.counted(name)
        self._tell("call", name, seconds * _MS, Failed(why))

    def spoke(self, said: Spoken) -> None:
        """Note what a call said, at its end."""
        self.spoken.append(said)

    def flush(self) -> None:
        """Put the chunks that were added up into the figures."""
        chunks, self._chunks = self._chunks, None
        if chunks is None:
            return
        phase, self.figures.phase = self.figures.phase, chunks.phase
        self.figures.count("chunks", chunks.sent, chunks.second)
        self.figures.count("sent_ms", chunks.sent_ms, chunks.second)
        for step, times in chunks.lags.items():
            self.figures.duration("pace_lag", step / _STEPS_PER_SECOND * _MS, chunks.second, times)
        self.figures.phase = phase

    def take(self) -> Mapping[str, Any]:
        """Give everything measured since the last time, to be sent to the master."""
        self.flush()
        spoken = [said.row for said in self.spoken]
        self.spoken.clear()
        pulse = {"ready": self.pulse.ready, "failed": self.pulse.failed}
        self.pulse.ready = self.pulse.failed = 0
        return {"figures": self.figures.take(), "spoken": spoken, "pulse": pulse}

    def _tell(self, kind: str, name: str, ms: float | None, why: Exception | None = None) -> None:
        self.fire(request_type=kind, name=name, response_time=ms, response_length=0, exception=why, context={})

    def _at(self) -> float:
        return max(0.0, self.clock() - self.began)


@dataclass(frozen=True, slots=True)
class Apart:
    """A meter's side door, for callers that are slow or rude on purpose: what takes them long says nothing."""

    meter: Meter

    @property
    def pulse(self) -> Pulse:
        """Their attempts say as well whether the target lives."""
        return self.meter.pulse

    def took(self, name: str, seconds: float) -> None:
        """Pass it over."""

    def sent_chunk(self, ms: int, lag_seconds: float, now: float) -> None:  # noqa: ARG002 - they are late on purpose
        """Count it."""
        chunks = self.meter.chunks_at(now)
        chunks.sent += 1
        chunks.sent_ms += ms

    def counted(self, name: str, amount: float = 1) -> None:
        """Add to a sum."""
        self.meter.counted(name, amount)

    def complained(self, code: str) -> None:
        """Note an error message from the bridge."""
        self.meter.complained(code)

    def failed_at(self, name: str, why: str, seconds: float) -> None:
        """Note something that failed."""
        self.meter.failed_at(name, why, seconds)

    def spoke(self, said: Spoken) -> None:
        """Note what a call said, at its end."""
        self.meter.spoke(said)
