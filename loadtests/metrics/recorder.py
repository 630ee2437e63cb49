"""Recorders: where callers record what they measure, for the report and for Locust's own statistics.

There is one per process. Times are `time.monotonic` seconds; exported times are relative to the start of the run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

from loadtests.metrics.histograms import RunMeasurements

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Lateness of chunks is counted in steps of 0.1 ms, and from 20 ms on in steps of 2 ms. This keeps the number of
#: steps per second small, so that moving them into the histograms doesn't delay any caller.
_STEPS_PER_SECOND = 10_000
_COARSE_FROM, _COARSE = 200, 20
_MS = 1000.0
#: Request type of error messages in Locust's statistics. The target chooses the codes, so their length and number
#: are limited.
ERROR_TYPE, _LONGEST_CODE, _MOST_CODES, _OTHER_CODES = "error", 60, 50, "(others)"

#: Client protocol, "Errors": nothing is wrong with the message, and it need not be sent again.
_WAITS = frozenset({"SESSION_NOT_READY", "NO_SESSION_EXISTS"})


class CallFailure(Exception):  # noqa: N818 - what happened, and no fault of ours
    """Why something failed. Locust groups failures by their repr."""

    def __repr__(self) -> str:
        return str(self)


class FireRequest(Protocol):
    """The signature of Locust's `events.request.fire`, as far as it is used."""

    def __call__(self, **said: Any) -> None:
        """Report a request, with its duration or its exception."""
        ...


@dataclass(frozen=True, slots=True)
class SentAudio:
    """The audio sent in one call, or in several calls with the same caller number, for the audit."""

    caller: int
    """The number in the tracer audio. A call after one that ended normally keeps it."""
    sent_ms: int
    """Audio sent with this number so far."""
    expected_ms: int
    """How much of it must have arrived. A call that was cut may lose audio at its end, but nowhere else."""
    resent_ms: float = 0.0
    """Audio that the bridge reported as resent."""
    dropped_ms: float = 0.0
    """Audio that the bridge reported as dropped."""

    @property
    def to_row(self) -> list[Any]:
        """The plain values to send to the master."""
        return [self.caller, self.sent_ms, self.expected_ms, self.resent_ms, self.dropped_ms]

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Self:
        """Restore it from such a row."""
        return cls(int(row[0]), int(row[1]), int(row[2]), float(row[3]), float(row[4]))

    def merge(self, later: SentAudio) -> SentAudio:
        """Combine two consecutive calls with the same number."""
        return SentAudio(
            self.caller,
            max(self.sent_ms, later.sent_ms),
            max(self.expected_ms, later.expected_ms),
            self.resent_ms + later.resent_ms,
            self.dropped_ms + later.dropped_ms,
        )


@dataclass(slots=True)
class AttemptCounts:
    """Attempts to get a session since the last export."""

    ready: int = 0
    failed: int = 0


@dataclass(slots=True)
class ChunkStats:
    """Chunks sent in one second of one phase. Counted here and recorded once a second."""

    second: int
    phase: str
    sent: int = 0
    sent_ms: int = 0
    lags: dict[int, int] = field(default_factory=dict)


class CallRecorder(Protocol):
    """What a call records. Durations are seconds."""

    @property
    def attempts(self) -> AttemptCounts:
        """Counters for attempts to get a session."""
        ...

    def record_duration(self, name: str, seconds: float) -> None:
        """Record a duration."""
        ...

    def record_chunk(self, ms: int, lag_seconds: float, now: float) -> None:
        """Record a chunk of audio and how late it was sent."""
        ...

    def add_count(self, name: str, amount: float = 1) -> None:
        """Add to a sum."""
        ...

    def record_error(self, code: str) -> None:
        """Record an error message from the bridge."""
        ...

    def record_failure(self, name: str, why: str, seconds: float) -> None:
        """Record a failure with its reason in plain words."""
        ...

    def record_sent_audio(self, said: SentAudio) -> None:
        """Record the audio that a call sent, when it ends."""
        ...


@dataclass(slots=True)
class ProcessRecorder:
    """The measurements of this process."""

    fire: FireRequest
    measurements: RunMeasurements = field(default_factory=RunMeasurements)
    sent_audio: list[SentAudio] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    started: float = -1.0
    """Start of the run; by default, when this object was created."""
    attempts: AttemptCounts = field(default_factory=AttemptCounts)
    _chunks: ChunkStats | None = None
    _codes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.started = self.clock() if self.started < 0 else self.started

    def record_duration(self, name: str, seconds: float) -> None:
        """Record a duration, also in Locust's statistics."""
        self.measurements.record_duration(name, seconds * _MS, self._at())
        self._tell("call", name, seconds * _MS)

    def record_chunk(self, ms: int, lag_seconds: float, now: float) -> None:
        """Record a chunk and its lateness. Called 50 times a second for each caller, so it only counts."""
        chunks = self.chunks_at(now)
        chunks.sent += 1
        chunks.sent_ms += ms
        step = int(lag_seconds * _STEPS_PER_SECOND)
        if step > _COARSE_FROM:
            step -= step % _COARSE
        chunks.lags[step] = chunks.lags.get(step, 0) + 1

    def chunks_at(self, now: float) -> ChunkStats:
        """Return the counters for the current second and phase."""
        second, chunks = int(max(0.0, now - self.started)), self._chunks
        if chunks is None or chunks.second != second or chunks.phase != self.measurements.phase:
            self.flush()
            chunks = self._chunks = ChunkStats(second, self.measurements.phase)
        return chunks

    def add_count(self, name: str, amount: float = 1) -> None:
        """Add to a sum."""
        self.measurements.add_count(name, amount, self._at())

    def record_error(self, code: str) -> None:
        """Record an error message. Many scenarios cause errors, so Locust doesn't count it as a failure."""
        self.add_count("told_to_wait" if code.upper() in _WAITS else "errors")
        named = code[:_LONGEST_CODE]
        if named not in self._codes and len(self._codes) >= _MOST_CODES:
            named = _OTHER_CODES
        self._codes.add(named)
        self._tell(ERROR_TYPE, named, None)

    def record_failure(self, name: str, why: str, seconds: float) -> None:
        """Count a failure, also in Locust's statistics."""
        self.add_count(name)
        self._tell("call", name, seconds * _MS, CallFailure(why))

    def record_sent_audio(self, said: SentAudio) -> None:
        """Record the audio that a call sent, when it ends."""
        self.sent_audio.append(said)

    def flush(self) -> None:
        """Move the counted chunks into the measurements."""
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
        """Return all measurements since the last export, to be sent to the master."""
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
    """A recorder that ignores durations, for callers that are slow or send invalid messages on purpose."""

    recorder: ProcessRecorder

    @property
    def attempts(self) -> AttemptCounts:
        """Their attempts count, too."""
        return self.recorder.attempts

    def record_duration(self, name: str, seconds: float) -> None:
        """Ignore it."""

    def record_chunk(self, ms: int, lag_seconds: float, now: float) -> None:  # noqa: ARG002 - they are late on purpose
        """Count the chunk and ignore its lateness."""
        chunks = self.recorder.chunks_at(now)
        chunks.sent += 1
        chunks.sent_ms += ms

    def add_count(self, name: str, amount: float = 1) -> None:
        """Add to a sum."""
        self.recorder.add_count(name, amount)

    def record_error(self, code: str) -> None:
        """Record an error message from the bridge."""
        self.recorder.record_error(code)

    def record_failure(self, name: str, why: str, seconds: float) -> None:
        """Record a failure."""
        self.recorder.record_failure(name, why, seconds)

    def record_sent_audio(self, said: SentAudio) -> None:
        """Record the audio that a call sent, when it ends."""
        self.recorder.record_sent_audio(said)
