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

    from bridge.core.spending.charges import Charge

#: Lateness of chunks is counted in steps of 0.1 ms, and from 20 ms on in steps of 2 ms. This keeps the number of
#: steps per second small, so that moving them into the histograms doesn't delay any caller.
_STEPS_PER_SECOND = 10_000
_COARSE_FROM_STEP, _COARSE_STEP = 200, 20
_MS = 1000.0
#: Request types of error messages, of failed answers and of what has no known price in Locust's statistics.
ERROR_TYPE, FAILED_ANSWER_TYPE, UNPRICED_TYPE = "error", "failed answer", "no known price"
#: The target chooses codes and reasons, so their length and number are limited.
_MAX_CODE_LENGTH, _MAX_CODES, _OTHER_CODES, _NO_REASON = 60, 50, "(others)", "(no reason)"
_NO_MODEL = "(model not told)"

#: Client protocol, "Errors": nothing is wrong with the message, and it need not be sent again.
_WAIT_CODES = frozenset({"SESSION_NOT_READY", "NO_SESSION_EXISTS"})
#: The service itself reported an error, or an answer failed.
_UPSTREAM_CODE = "UPSTREAM_ERROR"


class CallFailure(Exception):  # noqa: N818 - what happened, and no fault of ours
    """Why something failed. Locust groups failures by their repr."""

    def __repr__(self) -> str:
        return str(self)


class FireRequest(Protocol):
    """The signature of Locust's `events.request.fire`, as far as it is used."""

    def __call__(self, **audio: Any) -> None:
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
        """Add one value to the distribution of `name`."""
        ...

    def record_chunk(self, ms: int, lag_seconds: float, now: float) -> None:
        """Record a chunk of audio and how late it was sent."""
        ...

    def add_count(self, name: str, amount: float = 1) -> None:
        """Add to the sum of `name`; without an amount, count one occurrence."""
        ...

    def record_error(self, code: str, reason: str = "") -> None:
        """Record an error message from the bridge, with the service's own reason if it has one."""
        ...

    def record_failed_answer(self, reason: str) -> None:
        """Record an answer that failed, with the service's reason."""
        ...

    def record_charge(self, charge: Charge) -> None:
        """Record what a response or a transcript took."""
        ...

    def record_failure(self, name: str, reason: str, seconds: float) -> None:
        """Record a failure with its reason in plain words."""
        ...

    def record_sent_audio(self, audio: SentAudio) -> None:
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
        self.measurements.record_duration(name, seconds * _MS, self._elapsed())
        self._fire("call", name, seconds * _MS)

    def record_chunk(self, ms: int, lag_seconds: float, now: float) -> None:
        """Record a chunk and its lateness. Called 50 times a second for each caller, so it only counts."""
        stats = self.chunks_at(now)
        stats.sent += 1
        stats.sent_ms += ms
        step = int(lag_seconds * _STEPS_PER_SECOND)
        if step > _COARSE_FROM_STEP:
            step -= step % _COARSE_STEP
        stats.lags[step] = stats.lags.get(step, 0) + 1

    def chunks_at(self, now: float) -> ChunkStats:
        """Return the counters for the current second and phase."""
        second, stats = int(max(0.0, now - self.started)), self._chunks
        if stats is None or stats.second != second or stats.phase != self.measurements.phase:
            self.flush()
            stats = self._chunks = ChunkStats(second, self.measurements.phase)
        return stats

    def add_count(self, name: str, amount: float = 1) -> None:
        """Add to the sum of `name`, in the current phase and second. Locust's statistics don't show it."""
        self.measurements.add_count(name, amount, self._elapsed())

    def record_error(self, code: str, reason: str = "") -> None:
        """Record an error message. Many scenarios cause errors, so Locust doesn't count it as a failure."""
        self.add_count("told_to_wait" if code.upper() in _WAIT_CODES else "errors")
        if code.upper() == _UPSTREAM_CODE:
            self.add_count("upstream_errors")
        shown_reason = f" ({reason[:_MAX_CODE_LENGTH]})" if reason else ""
        self._fire(ERROR_TYPE, self._known_code(f"{code[:_MAX_CODE_LENGTH]}{shown_reason}"), None)

    def record_failed_answer(self, reason: str) -> None:
        """Record an answer that failed. What it means for the caller's turn is counted elsewhere."""
        self._fire(FAILED_ANSWER_TYPE, self._known_code(reason[:_MAX_CODE_LENGTH] or _NO_REASON), None)

    def record_charge(self, charge: Charge) -> None:
        """Record what a response or a transcript took. If no price is known, its model is kept."""
        usage = charge.usage
        self.add_count("input_tokens", usage.input)
        self.add_count("cached_tokens", usage.cached)
        self.add_count("output_tokens", usage.output)
        self.add_count("transcribed_ms", charge.seconds * _MS)
        if charge.cost_usd is None:
            self.add_count("unpriced")
            self._fire(UNPRICED_TYPE, self._known_code(charge.model[:_MAX_CODE_LENGTH] or _NO_MODEL), None)
        else:
            self.add_count("cost_usd", charge.cost_usd)

    def _known_code(self, code: str) -> str:
        """Return the code, or a common name for all codes beyond the limit."""
        if code not in self._codes and len(self._codes) >= _MAX_CODES:
            return _OTHER_CODES
        self._codes.add(code)
        return code

    def record_failure(self, name: str, reason: str, seconds: float) -> None:
        """Count a failure, also in Locust's statistics."""
        self.add_count(name)
        self._fire("call", name, seconds * _MS, CallFailure(reason))

    def record_sent_audio(self, audio: SentAudio) -> None:
        """Record the audio that a call sent, when it ends."""
        self.sent_audio.append(audio)

    def flush(self) -> None:
        """Move the counted chunks into the measurements."""
        stats, self._chunks = self._chunks, None
        if stats is None:
            return
        phase, self.measurements.phase = self.measurements.phase, stats.phase
        self.measurements.add_count("chunks", stats.sent, stats.second)
        self.measurements.add_count("sent_ms", stats.sent_ms, stats.second)
        for step, times in stats.lags.items():
            self.measurements.record_duration("pace_lag", step / _STEPS_PER_SECOND * _MS, stats.second, times)
        self.measurements.phase = phase

    def export_and_clear(self) -> Mapping[str, Any]:
        """Return all measurements since the last export, to be sent to the master."""
        self.flush()
        sent_audio = [audio.to_row for audio in self.sent_audio]
        self.sent_audio.clear()
        attempts = {"ready": self.attempts.ready, "failed": self.attempts.failed}
        self.attempts.ready = self.attempts.failed = 0
        return {"measurements": self.measurements.export_and_clear(), "sent_audio": sent_audio, "attempts": attempts}

    def _fire(self, kind: str, name: str, ms: float | None, reason: Exception | None = None) -> None:
        self.fire(request_type=kind, name=name, response_time=ms, response_length=0, exception=reason, context={})

    def _elapsed(self) -> float:
        return max(0.0, self.clock() - self.started)


@dataclass(frozen=True, slots=True)
class CountsOnlyRecorder:
    """A recorder that ignores durations, for callers that are slow or send invalid messages on purpose."""

    recorder: ProcessRecorder

    @property
    def attempts(self) -> AttemptCounts:
        """The counters of the recorder behind it: attempts of these callers count as any other."""
        return self.recorder.attempts

    def record_duration(self, name: str, seconds: float) -> None:
        """Ignore the duration: these callers are slow on purpose."""

    def record_chunk(self, ms: int, lag_seconds: float, now: float) -> None:  # noqa: ARG002 - they are late on purpose
        """Count the chunk and ignore its lateness."""
        stats = self.recorder.chunks_at(now)
        stats.sent += 1
        stats.sent_ms += ms

    def add_count(self, name: str, amount: float = 1) -> None:
        """Pass the amount on to the recorder behind it."""
        self.recorder.add_count(name, amount)

    def record_error(self, code: str, reason: str = "") -> None:
        """Record an error message from the bridge."""
        self.recorder.record_error(code, reason)

    def record_failed_answer(self, reason: str) -> None:
        """Record an answer that failed."""
        self.recorder.record_failed_answer(reason)

    def record_charge(self, charge: Charge) -> None:
        """Pass it on: what these callers take is paid for as any other."""
        self.recorder.record_charge(charge)

    def record_failure(self, name: str, reason: str, seconds: float) -> None:
        """Pass the failure on: it counts for these callers, too."""
        self.recorder.record_failure(name, reason, seconds)

    def record_sent_audio(self, audio: SentAudio) -> None:
        """Record the audio that a call sent, when it ends."""
        self.recorder.record_sent_audio(audio)
