"""What comes together of one run, on the master or in the only process: figures, speech, attempts, what was done. Pure.

Times `at` are seconds since the run began; `began` is in unix seconds, as the simulator's times are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loadtests.metrics.histograms import Figures
from loadtests.metrics.measures import FIRST_PHASE, MEASURES, Kind
from loadtests.metrics.recorder import Spoken
from loadtests.scenarios.safety import Pulse
from loadtests.scenarios.table import MEASURED_BY, Deploy, SetFaults
from reports.model import Moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtests.results.audio_audit import SpeechAccount
    from loadtests.scenarios.plan import Plan
    from loadtests.scenarios.table import Scenario

#: What failures said, in words: so many kinds are told apart.
_KINDS = 20
#: What has not happened where no caller counted it.
_COUNTED_BY_CALLERS = tuple(
    name for name, known in MEASURES.items() if known.kind is Kind.COUNT and name not in MEASURED_BY
)


def fails_on_purpose(scenario: Scenario, phases: int) -> bool:
    """Say whether the target must fail by what the first so many acts did: faults that last, or a deploy just now."""
    begun = sorted(scenario.acts, key=lambda act: act.at)[:phases]
    faults = [deed.faults for act in begun for deed in act.deeds if isinstance(deed, SetFaults)]
    deploys = bool(begun) and any(isinstance(deed, Deploy) for deed in begun[-1].deeds)
    return deploys or bool(faults and faults[-1])


@dataclass(slots=True)
class Gathering:
    """One run, as it comes in."""

    plan: Plan
    began: float
    figures: Figures = field(default_factory=Figures)
    spoken: dict[int, Spoken] = field(default_factory=dict)
    """By the number in the audio, for the account of speech: as many as there are callers, and calls that were cut."""
    pulse: Pulse = field(default_factory=Pulse)
    callers: list[tuple[float, float]] = field(default_factory=list)
    """How many there were, second by second."""
    moments: list[Moment] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    """What the attempts that failed said."""
    complaints: Counter[str] = field(default_factory=Counter)
    """The codes of error messages."""
    begun: frozenset[str] = frozenset({FIRST_PHASE})
    """The phases that it came to."""
    troubles: list[str] = field(default_factory=list)
    """What could not be done or asked, in plain words."""
    speech: SpeechAccount | None = None
    is_down: bool = False
    interrupted: bool = False
    resources: Mapping[str, Any] = field(default_factory=dict)
    """By process: `cpu` and `memory`, as points over time."""

    def take(self, wire: Mapping[str, Any], at: float) -> None:
        """Take what a process measured since its last time."""
        self.figures.merge(dict(wire["figures"]))
        for said in map(Spoken.of, wire["spoken"]):
            before = self.spoken.get(said.caller)
            self.spoken[said.caller] = said if before is None else before.and_then(said)
        self.pulse.note(at, ready=wire["pulse"]["ready"], failed=wire["pulse"]["failed"])

    def second(self, at: float, callers: int, *, meant: bool = False) -> None:
        """Go on by a second. Where it is meant that the target fails, its failures are not held against it."""
        self.callers.append((at, float(callers)))
        if callers >= self.plan.users and all(moment.what != "callers" for moment in self.moments):
            self.say(at, "callers", f"all {self.plan.users} call")
        self.figures.settle(at)
        if meant:
            self.pulse.excuse()
        if not self.is_down and self.pulse.is_down(at):
            self.is_down = True
            self.say(at, "target", "is down: the run ends here")

    def say(self, at: float, what: str, detail: str) -> None:
        """Put something on the timeline."""
        self.moments.append(Moment(at=at, who="load", what=what, detail=detail))

    def failed(self, words: str, count: int) -> None:
        """Note what failures said."""
        _note(self.failures, words, count)

    def complained(self, code: str, count: int) -> None:
        """Note how often an error message had this code."""
        _note(self.complaints, code, count)

    def finish(self, at: float) -> None:
        """Count what callers would have counted and never did as none of it, in every phase: that was looked at."""
        if self.figures.total("calls") is None:
            return
        for phase in dict.fromkeys((FIRST_PHASE, *(act.phase for act in self.plan.scenario.acts))):
            self.figures.phase = phase
            for name in _COUNTED_BY_CALLERS:
                self.figures.count(name, 0, at)

    def progress(self, at: float) -> dict[str, Any]:
        """Give what a person wants to see while it runs."""
        figures = self.figures
        return {
            "at": at,
            "seconds": self.plan.seconds,
            "callers": int(self.callers[-1][1]) if self.callers else 0,
            "users": self.plan.users,
            "ready_ms": figures.percentile("ready", 99),
            "first_audio_ms": figures.percentile("first_audio", 99),
            "turns": figures.total("turns") or 0,
            "errors": figures.total("errors") or 0,
            "failed": (figures.total("failed_calls") or 0) + (figures.total("failed_connects") or 0),
            "dropped_ms": figures.total("dropped_ms") or 0,
        }


def _note(kinds: Counter[str], kind: str, count: int) -> None:
    """Note how often there was one of a kind; others than the first few are not told apart."""
    if kind in kinds or len(kinds) < _KINDS:
        kinds[kind] = count
