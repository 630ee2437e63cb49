"""Searches the largest number of callers within the budgets: double, bisect, confirm. Pure: the caller runs the trials.

The result is a number that passed at least twice, while the next larger number that was tried failed. If a confirmation
fails, the search continues below: the result is what the target handles reliably, not what it handled once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class SearchStage(StrEnum):
    """The stage of a search."""

    RAMP = "ramp"
    BISECT = "bisect"
    CONFIRM = "confirm"
    DONE = "done"


#: The search stops when the passed and the failed number differ by less than this share.
_PRECISION = 0.05
_GROWTH = 2.0
#: How far to step back after a failed confirmation.
_STEP_BACK = 0.9


@dataclass(slots=True)
class CapacitySearch:
    """One search: run a trial with `next_callers`, pass the outcome to `record`, repeat until `stage` is DONE."""

    start: int
    maximum: int
    """The upper limit."""
    confirmations: int = 1
    """How often the result must pass again."""
    max_runs: int = 24
    stage: SearchStage = SearchStage.RAMP
    highest_passed: int = 0
    """The most callers that passed; 0 if no trial did."""
    lowest_failed: int = 0
    """The fewest callers above `highest_passed` that failed; `maximum + 1` until a trial fails."""
    runs: list[tuple[int, bool]] = field(default_factory=list)
    _confirmed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.start <= self.maximum:
            raise ValueError(f"the search must start between 1 and {self.maximum} callers, not at {self.start}")
        self.lowest_failed = self.maximum + 1

    @property
    def next_callers(self) -> int:
        """The number of callers in the next trial."""
        match self.stage:
            case SearchStage.RAMP:
                return min(self.maximum, round(self.highest_passed * _GROWTH)) if self.highest_passed else self.start
            case SearchStage.BISECT:
                return max(self.highest_passed + 1, (self.highest_passed + self.lowest_failed) // 2)
            case SearchStage.CONFIRM | SearchStage.DONE:
                return self.highest_passed

    @property
    def result(self) -> int:
        """The result; 0 if the target can't handle a single caller."""
        return self.highest_passed if self.stage is SearchStage.DONE else 0

    @property
    def is_confirmed(self) -> bool:
        """Whether the result passed again each time. False if the search ran out of trials."""
        return self._confirmed >= self.confirmations

    @property
    def reached_maximum(self) -> bool:
        """Whether the result is only the upper limit of the search."""
        return self.stage is SearchStage.DONE and self.highest_passed == self.maximum

    def record(self, *, passed: bool) -> None:
        """Record the outcome of a trial with `next_callers`."""
        callers = self.next_callers
        self.runs.append((callers, passed))
        if self.stage is SearchStage.CONFIRM:
            self._record_confirmation(passed=passed)
        elif passed:
            self.highest_passed = callers
        else:
            self.lowest_failed = callers
        if self.stage is not SearchStage.DONE:
            self._next_stage()

    def _record_confirmation(self, *, passed: bool) -> None:
        if passed:
            self._confirmed += 1
        else:  # it passed only once: the reliable number is lower
            self._confirmed = 0
            self.lowest_failed, self.highest_passed = self.highest_passed, self._passed_below(self.highest_passed)

    def _passed_below(self, callers: int) -> int:
        """Return the largest smaller number that never failed, or a step back if there is none."""
        failed = {n for n, passed in self.runs if not passed}
        passed = [n for n, good in self.runs if good and n < callers and n not in failed]
        return max(passed, default=int(callers * _STEP_BACK) if callers > 1 else 0)

    def _next_stage(self) -> None:
        if self.lowest_failed <= 1:
            self.stage = SearchStage.DONE
        elif self.highest_passed and self.lowest_failed - self.highest_passed <= max(
            1, int(self.highest_passed * _PRECISION)
        ):
            self.stage = SearchStage.DONE if self._confirmed >= self.confirmations else SearchStage.CONFIRM
        else:
            self._confirmed = 0
            self.stage = SearchStage.RAMP if self.lowest_failed > self.maximum else SearchStage.BISECT
        if len(self.runs) >= self.max_runs:
            self.stage = SearchStage.DONE
