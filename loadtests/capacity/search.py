"""The search for the largest number of callers inside the budgets: ramp up, bisect, confirm. Pure: runs are told to it.

The answer is a number that held, and held again; the next tried number above it did not. A target that wavers is asked
again below, so that what is reported is what it keeps, not what it once did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class SearchStage(StrEnum):
    """What the search is doing."""

    RAMP = "ramp"
    BISECT = "bisect"
    CONFIRM = "confirm"
    DONE = "done"


#: Between a number that held and one that did not, this much of the former is close enough.
_CLOSE = 0.05
_RAMP = 2.0
#: After a confirmation that failed, go back by this much.
_BACK = 0.9


@dataclass(slots=True)
class CapacitySearch:
    """One search. Ask `next_callers`, run it, tell `note`; until `stage` is DONE."""

    start: int
    maximum: int
    """Never more callers than this."""
    confirmations: int = 1
    """How often the answer must hold again."""
    max_runs: int = 24
    stage: SearchStage = SearchStage.RAMP
    highest_passed: int = 0
    """The most that held; 0 where none did."""
    lowest_failed: int = 0
    """The fewest above `good` that did not hold; one more than `most` while none failed."""
    runs: list[tuple[int, bool]] = field(default_factory=list)
    _confirmed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.start <= self.maximum:
            raise ValueError(f"the search must start between 1 and {self.maximum} callers, not at {self.start}")
        self.lowest_failed = self.maximum + 1

    @property
    def next_callers(self) -> int:
        """How many callers to try next."""
        match self.stage:
            case SearchStage.RAMP:
                return min(self.maximum, round(self.highest_passed * _RAMP)) if self.highest_passed else self.start
            case SearchStage.BISECT:
                return max(self.highest_passed + 1, (self.highest_passed + self.lowest_failed) // 2)
            case SearchStage.CONFIRM | SearchStage.DONE:
                return self.highest_passed

    @property
    def result(self) -> int:
        """The answer; 0 where not even one caller is held."""
        return self.highest_passed if self.stage is SearchStage.DONE else 0

    @property
    def is_confirmed(self) -> bool:
        """Whether the answer held again each time; not where the runs ran out before."""
        return self._confirmed >= self.confirmations

    @property
    def reached_maximum(self) -> bool:
        """Whether the answer is only where the search was told to stop."""
        return self.stage is SearchStage.DONE and self.highest_passed == self.maximum

    def record(self, *, passed: bool) -> None:
        """Take the outcome of `next_callers`."""
        callers = self.next_callers
        self.runs.append((callers, passed))
        if self.stage is SearchStage.CONFIRM:
            self._note_confirmation(held=passed)
        elif passed:
            self.highest_passed = callers
        else:
            self.lowest_failed = callers
        if self.stage is not SearchStage.DONE:
            self._go_on()

    def _note_confirmation(self, *, held: bool) -> None:
        if held:
            self._confirmed += 1
        else:  # it held once and not twice: what it keeps is below
            self._confirmed = 0
            self.lowest_failed, self.highest_passed = self.highest_passed, self._held_below(self.highest_passed)

    def _held_below(self, callers: int) -> int:
        """Give the largest smaller number that never failed, or a step back where there is none."""
        failed = {n for n, held in self.runs if not held}
        held = [n for n, good in self.runs if good and n < callers and n not in failed]
        return max(held, default=int(callers * _BACK) if callers > 1 else 0)

    def _go_on(self) -> None:
        if self.lowest_failed <= 1:
            self.stage = SearchStage.DONE
        elif self.highest_passed and self.lowest_failed - self.highest_passed <= max(
            1, int(self.highest_passed * _CLOSE)
        ):
            self.stage = SearchStage.DONE if self._confirmed >= self.confirmations else SearchStage.CONFIRM
        else:
            self._confirmed = 0
            self.stage = SearchStage.RAMP if self.lowest_failed > self.maximum else SearchStage.BISECT
        if len(self.runs) >= self.max_runs:
            self.stage = SearchStage.DONE
