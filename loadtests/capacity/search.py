"""The search for the largest number of callers inside the budgets: ramp up, bisect, confirm. Pure: runs are told to it.

The answer is a number that held, and held again; the next tried number above it did not. A target that wavers is asked
again below, so that what is reported is what it keeps, not what it once did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Stage(StrEnum):
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
class Search:
    """One search. Ask `next_callers`, run it, tell `note`; until `stage` is DONE."""

    start: int
    most: int
    """Never more callers than this."""
    confirmations: int = 1
    """How often the answer must hold again."""
    most_runs: int = 24
    stage: Stage = Stage.RAMP
    good: int = 0
    """The most that held; 0 where none did."""
    bad: int = 0
    """The fewest above `good` that did not hold; one more than `most` while none failed."""
    runs: list[tuple[int, bool]] = field(default_factory=list)
    _confirmed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.start <= self.most:
            raise ValueError(f"a search begins between 1 and {self.most} callers, not at {self.start}")
        self.bad = self.most + 1

    @property
    def next_callers(self) -> int:
        """How many callers to try next."""
        match self.stage:
            case Stage.RAMP:
                return min(self.most, round(self.good * _RAMP)) if self.good else self.start
            case Stage.BISECT:
                return max(self.good + 1, (self.good + self.bad) // 2)
            case Stage.CONFIRM | Stage.DONE:
                return self.good

    @property
    def found(self) -> int:
        """The answer; 0 where not even one caller is held."""
        return self.good if self.stage is Stage.DONE else 0

    @property
    def is_confirmed(self) -> bool:
        """Whether the answer held again each time; not where the runs ran out before."""
        return self._confirmed >= self.confirmations

    @property
    def reached_the_most(self) -> bool:
        """Whether the answer is only where the search was told to stop."""
        return self.stage is Stage.DONE and self.good == self.most

    def note(self, *, held: bool) -> None:
        """Take the outcome of `next_callers`."""
        callers = self.next_callers
        self.runs.append((callers, held))
        if self.stage is Stage.CONFIRM:
            self._note_confirmation(held=held)
        elif held:
            self.good = callers
        else:
            self.bad = callers
        if self.stage is not Stage.DONE:
            self._go_on()

    def _note_confirmation(self, *, held: bool) -> None:
        if held:
            self._confirmed += 1
        else:  # it held once and not twice: what it keeps is below
            self._confirmed = 0
            self.bad, self.good = self.good, self._held_below(self.good)

    def _held_below(self, callers: int) -> int:
        """Give the largest smaller number that never failed, or a step back where there is none."""
        failed = {n for n, held in self.runs if not held}
        held = [n for n, good in self.runs if good and n < callers and n not in failed]
        return max(held, default=int(callers * _BACK) if callers > 1 else 0)

    def _go_on(self) -> None:
        if self.bad <= 1:
            self.stage = Stage.DONE
        elif self.good and self.bad - self.good <= max(1, int(self.good * _CLOSE)):
            self.stage = Stage.DONE if self._confirmed >= self.confirmations else Stage.CONFIRM
        else:
            self._confirmed = 0
            self.stage = Stage.RAMP if self.bad > self.most else Stage.BISECT
        if len(self.runs) >= self.most_runs:
            self.stage = Stage.DONE
