"""Where a process's callers put what they measure: into its figures, and into Locust's own statistics.

One for each process. Times are `time.monotonic` seconds; what travels is relative to the begin of the run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

from loadtests.metrics.histograms import RunMeasurements

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Lateness of chunks is added up in steps of a tenth of a ms, and from 20 ms on in steps of two: a second has few of
#: them, and putting them into the figures stops nobody's speech.
_STEPS_PER_SECOND = 10_000
_COARSE_FROM, _COARSE = 200, 20
_MS = 1000.0
#: What Locust's statistics call an error message, by its code. The target chooses that: so much of it, and so many.
ERROR_TYPE, _LONGEST_CODE, _MOST_CODES, _OTHER_CODES = "error", 60, 50, "(others)"

#: Client protocol, "Errors": nothing went wrong with what was sent, and it need not be sent again.
_WAITS = frozenset({"SESSION_NOT_READY", "NO_SESSION_EXISTS"})


class CallFailure(Exception):  # noqa: N818 - what happened, and no fault of ours
    """Why something failed, in plain words: Locust tells failures apart by how they are written."""

    def __repr__(self) -> str:
        return str(self)


class FireRequest(Protocol):
    """Locust's `events.request.fire`, as much as is used of it."""

    def __call__(self, **said: Any) -> None:
        """Tell Locust of something that took time or failed."""
        ...


@dataclass(frozen=True, slots=True)
class SentAudio:
    """What one call said, or several with one number, for the account of all speech."""

    caller: int
    """The number in his audio. Calls that end in good order are followed by one that goes on with it."""
    sent_ms: int
    """All that was said with this number until now."""
    expected_ms: int
    """So much of it must have arrived; a call that was cut in the middle may lose its end, and nothing before."""
    resent_ms: float = 0.0
    """How much the bridge said it sent again."""
    dropped_ms: float = 0.0
    """How much it said it dropped."""

    @property
    def to_row(self) -> list[Any]:
        """Give it in plain values, to be sent to the master."""
        return [self.caller, self.sent_ms, self.expected_ms, self.resent_ms, self.dropped_ms]

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Self:
        """Read such a row."""
        return cls(int(row[0]), int(row[1]), int(row[2]), float(row[3]), float(row[4]))

    def merge(self, later: SentAudio) -> SentAudio:
        """Put together what was said with one number in two calls, one behind the other."""
        return SentAudio(
            self.caller,
            max(self.sent_ms, later.sent_ms),
            max(self.expected_ms, later.expected_ms),
            self.resent_ms + later.resent_ms,
            self.dropped_ms + later.dropped_ms,
        )


@dataclass(slots=True)
class AttemptCounts:
    """Whether the target lives: attempts to get a session, since somebody last looked."""

    ready: int = 0
    failed: int = 0


@dataclass(slots=True)
class ChunkStats:
    """Chunks of one second of one phase: how many, how long, how late. Added up here, noted once a second."""

    second: int
    phase: str
    sent: int = 0
    sent_ms: int = 0
    lags: dict[int, int] = field(default_factory=dict)


class CallRecorder(Protocol):
    """Where one call puts what it measures. Durations are seconds."""

    @property
    def attempts(self) -> AttemptCounts:
        """Its attempts count here."""
        ...

    def record_duration(self, name: str, seconds: float) -> None:
        """Note a duration."""
        ...

    def record_chunk(self, ms: int, lag_seconds: float, now: float) -> None:
        """Note a chunk of speech, and how late it was."""
        ...

    def add_count(self, name: str, amount: float = 1) -> None:
        """Add to a sum."""
        ...

    def record_error(self, code: str) -> None:
        """Note an error message from the bridge."""
        ...

    def record_failure(self, name: str, why: str, seconds: float) -> None:
        """Note something that failed, and why in plain words."""
        ...

    def record_sent_audio(self, said: SentAudio) -> None:
        """Note what a call said, at its end."""
        ...


@dataclass(slots=True)
class ProcessRecorder:
    """What this process measured."""

    fire: FireRequest
    measurements: RunMeasurements = field(default_factory=RunMeasurements)
    sent_audio: list[SentAudio] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    started: float = -1.0
    """When the run began; by default, when this was made."""
    attempts: AttemptCounts = field(default_factory=AttemptCounts)
    _chunks: ChunkStats | None = None
    _codes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.started = self.clock() if self.started < 0 else self.started

    def record_duration(self, name: str, seconds: float) -> None:
        """Note a duration, and let Locust's page show it."""
        self.measurements.record_duration(name, seconds * _MS, self._at())
        self._tell("call", name, seconds * _MS)

    def record_chunk(self, ms: int, lag_seconds: float, now: float) -> None:
        """Note a chunk of speech and how late it was. It runs 50 times a second for each caller: it only adds up."""
        chunks = self.chunks_at(now)
        chunks.sent += 1
        chunks.sent_ms += ms
        step = int(lag_seconds * _STEPS_PER_SECOND)
        if step > _COARSE_FROM:
            step -= step % _COARSE
        chunks.lags[step] = chunks.lags.get(step, 0) + 1

    def chunks_at(self, now: float) -> ChunkStats:
        """Give where the chunks of this second and this phase are added up."""
        second, chunks = int(max(0.0, now - self.started)), self._chunks
        if chunks is None or chunks.second != second or chunks.phase != self.measurements.phase:
            self.flush()
            chunks = self._chunks = ChunkStats(second, self.measurements.phase)
        return chunks

    def add_count(self, name: str, amount: float = 1) -> None:
        """Add to a sum."""
        self.measurements.add_count(name, amount, self._at())

    def record_error(self, code: str) -> None:
        """Note an error message from the bridge: many are what a scenario wants, so it is no failure to Locust."""
        self.add_count("told_to_wait" if code.upper() in _WAITS else "errors")
        named = code[:_LONGEST_CODE]
        if named not in self._codes and len(self._codes) >= _MOST_CODES:
            named = _OTHER_CODES
        self._codes.add(named)
        self._tell(ERROR_TYPE, named, None)

    def record_failure(self, name: str, why: str, seconds: float) -> None:
        """Note something that failed, in the sums and on Locust's page."""
        self.add_count(name)
        self._tell("call", name, seconds * _MS, CallFailure(why))

    def record_sent_audio(self, said: SentAudio) -> None:
        """Note what a call said, at its end."""
        self.sent_audio.append(said)

    def flush(self) -> None:
        """Put the chunks that were added up into the figures."""
        chunks, self._chunks = self._chunks, None
        if chunks is None:
            return
        phase, self.measurements.phase = self.measurements.phase, chunks.phase
        self.measurements.add_count("chunks", chunks.sent, chunks.second)
        self.measurements.add_count("sent_ms", chunks.sent_ms, chunks.second)
        for step, times in chunks.lags.items():
            self.measurements.record_duration("pace_lag", step / _STEPS_PER_SECOND * _MS, chunks.second, times)
        self.measurements.phase = phase

    def export_and_clear(self) -> Mapping[str, Any]:
        """Give everything measured since the last time, to be sent to the master."""
        self.flush()
        spoken = [said.to_row for said in self.sent_audio]
        self.sent_audio.clear()
        pulse = {"ready": self.attempts.ready, "failed": self.attempts.failed}
        self.attempts.ready = self.attempts.failed = 0
        return {"figures": self.measurements.export_and_clear(), "spoken": spoken, "pulse": pulse}

    def _tell(self, kind: str, name: str, ms: float | None, why: Exception | None = None) -> None:
        self.fire(request_type=kind, name=name, response_time=ms, response_length=0, exception=why, context={})

    def _at(self) -> float:
        return max(0.0, self.clock() - self.started)


@dataclass(frozen=True, slots=True)
class CountsOnlyRecorder:
    """A meter's side door, for callers that are slow or rude on purpose: what takes them long says nothing."""

    recorder: ProcessRecorder

    @property
    def attempts(self) -> AttemptCounts:
        """Their attempts say as well whether the target lives."""
        return self.recorder.attempts

    def record_duration(self, name: str, seconds: float) -> None:
        """Pass it over."""

    def record_chunk(self, ms: int, lag_seconds: float, now: float) -> None:  # noqa: ARG002 - they are late on purpose
        """Count it."""
        chunks = self.recorder.chunks_at(now)
        chunks.sent += 1
        chunks.sent_ms += ms

    def add_count(self, name: str, amount: float = 1) -> None:
        """Add to a sum."""
        self.recorder.add_count(name, amount)

    def record_error(self, code: str) -> None:
        """Note an error message from the bridge."""
        self.recorder.record_error(code)

    def record_failure(self, name: str, why: str, seconds: float) -> None:
        """Note something that failed."""
        self.recorder.record_failure(name, why, seconds)

    def record_sent_audio(self, said: SentAudio) -> None:
        """Note what a call said, at its end."""
        self.recorder.record_sent_audio(said)
