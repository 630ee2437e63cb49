"""Collects one run, on the master or in the only process: measurements, audio, attempts, actions. Pure.

Times `at` are seconds since the run started. `started_at` is in Unix seconds, as the simulator's times are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from loadtests.metrics.histograms import RunMeasurements
from loadtests.metrics.measures import FIRST_PHASE, MEASURES, SPENDING_MEASURES, MeasureKind
from loadtests.metrics.recorder import SentAudio
from loadtests.scenarios.safety import TargetHealth
from loadtests.scenarios.table import MEASURE_REQUIREMENTS, Deploy, SetFaults
from reports.model import Moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadtests.results.audio_audit import AudioAudit
    from loadtests.scenarios.plan import RunPlan
    from loadtests.scenarios.table import ScenarioPhase

#: How many different failure texts are kept apart.
_MAX_KINDS = 20
#: Counts that are zero if no caller counted them.
_CALLER_COUNTS = tuple(
    name
    for name, measure in MEASURES.items()
    if measure.kind is MeasureKind.COUNT and name not in (*MEASURE_REQUIREMENTS, *SPENDING_MEASURES)
)


def expects_failures(phases: Sequence[ScenarioPhase], number: int) -> bool:
    """Return whether failures are expected after the first `number` phases: lasting faults, or a deploy just now."""
    started = sorted(phases, key=lambda phase: phase.at)[:number]
    faults = [action.faults for phase in started for action in phase.actions if isinstance(action, SetFaults)]
    deploys = bool(started) and any(isinstance(action, Deploy) for action in started[-1].actions)
    return deploys or bool(faults and faults[-1])


@dataclass(slots=True)
class RunAggregator:
    """One run while it runs."""

    plan: RunPlan
    started_at: float
    measurements: RunMeasurements = field(default_factory=RunMeasurements)
    sent_audio: dict[int, SentAudio] = field(default_factory=dict)
    """By caller number: one for each caller, plus one for each call that was cut."""
    health: TargetHealth = field(default_factory=TargetHealth)
    callers: list[tuple[float, float]] = field(default_factory=list)
    """How many there were, second by second."""
    moments: list[Moment] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    """Messages of failed attempts, with their counts."""
    error_codes: Counter[str] = field(default_factory=Counter)
    """Codes of error messages, with the service's own reason in brackets where it is known, and their counts."""
    failed_answers: Counter[str] = field(default_factory=Counter)
    """The service's reasons for answers that failed, with their counts."""
    unpriced_models: Counter[str] = field(default_factory=Counter)
    """Models without a known price, with the responses and transcripts of each."""
    priced_usd: float = 0.0
    """The cost of what has a known price, even if something else has none."""
    started_phases: frozenset[str] = frozenset({FIRST_PHASE})
    """The phases that the run reached."""
    errors: list[str] = field(default_factory=list)
    """What could not be done or measured, in plain words."""
    audio_audit: AudioAudit | None = None
    is_down: bool = False
    interrupted: bool = False
    resources: Mapping[str, Any] = field(default_factory=dict)
    """By process: `cpu` and `memory` as points over time."""
    ended: Mapping[str, float] = field(default_factory=dict)
    """Watched processes that ended during the run, with the time."""
    is_gone: bool = False
    """Nothing listens at the target's address any more."""

    def merge(self, exported: Mapping[str, Any], at: float) -> None:
        """Add what a process measured since its last report."""
        self.measurements.merge(dict(exported["measurements"]))
        for audio in map(SentAudio.from_row, exported["sent_audio"]):
            before = self.sent_audio.get(audio.caller)
            self.sent_audio[audio.caller] = audio if before is None else before.merge(audio)
        self.health.record(at, ready=exported["attempts"]["ready"], failed=exported["attempts"]["failed"])

    def tick(self, at: float, callers: int, *, failures_expected: bool = False) -> None:
        """Advance by a second. While failures are expected, they don't count against the target."""
        self.callers.append((at, float(callers)))
        if callers >= self.plan.users and all(moment.what != "callers" for moment in self.moments):
            self.add_moment(at, "callers", f"all {self.plan.users} active")
        self.measurements.compact(at)
        if failures_expected:
            self.health.reset()
        if not self.is_down and self.health.is_down(at):
            self.is_down = True
            self.add_moment(at, "target", "is down; the run ends here")

    def add_moment(self, at: float, what: str, detail: str) -> None:
        """Add an entry to the timeline."""
        self.moments.append(Moment(at=at, who="load", what=what, detail=detail))

    def count_failure(self, message: str, count: int) -> None:
        """Count a failure by its message."""
        _count_kind(self.failures, message, count)

    def count_error(self, code: str, count: int) -> None:
        """Count error messages with this code."""
        _count_kind(self.error_codes, code, count)

    def count_failed_answers(self, reason: str, count: int) -> None:
        """Count answers that failed for this reason."""
        _count_kind(self.failed_answers, reason, count)

    def count_unpriced(self, model: str, count: int) -> None:
        """Count responses and transcripts of a model without a known price."""
        _count_kind(self.unpriced_models, model, count)

    def finish(self, at: float) -> None:
        """Set counts that no caller increased to 0 in every phase, so that budgets can be checked."""
        if self.measurements.total("calls") is None:
            return
        told_usage = self.measurements.total("input_tokens") is not None
        names = (*_CALLER_COUNTS, *SPENDING_MEASURES) if told_usage else _CALLER_COUNTS
        for phase in dict.fromkeys((FIRST_PHASE, *(phase.name for phase in self.plan.phases))):
            self.measurements.phase = phase
            for name in names:
                self.measurements.add_count(name, 0, at)
        self.priced_usd = self.measurements.total("cost_usd") or 0.0
        if self.measurements.total("unpriced"):
            self.measurements.forget_count("cost_usd")  # a part of the cost must not pass a budget for all of it

    @property
    def caller_seconds(self) -> float:
        """For how long callers were active, all together."""
        return sum((later - at) * count for (at, count), (later, _) in pairwise(self.callers))

    def progress(self, at: float) -> dict[str, Any]:
        """Return what the progress display shows."""
        measurements = self.measurements
        return {
            "at": at,
            "seconds": self.plan.seconds,
            "callers": int(self.callers[-1][1]) if self.callers else 0,
            "users": self.plan.users,
            "ready_ms": measurements.percentile("ready", 99),
            "first_audio_ms": measurements.percentile("first_audio", 99),
            "turns": measurements.total("turns") or 0,
            "errors": measurements.total("errors") or 0,
            "failed": (measurements.total("failed_calls") or 0) + (measurements.total("failed_connects") or 0),
            "dropped_ms": measurements.total("dropped_ms") or 0,
        }


def _count_kind(counter: Counter[str], key: str, count: int) -> None:
    """Set how often a kind occurred. Beyond `_MAX_KINDS` kinds, new ones are ignored."""
    if key in counter or len(counter) < _MAX_KINDS:
        counter[key] = count
