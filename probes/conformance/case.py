"""A case, as a value: a small async function over a `CaseContext`, and what users read about it.

The function returns if the bridge did what the contract says, and raises `CaseEnded` otherwise. `Group.case` registers
it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from probes.conformance.context import CaseContext

#: The newest set of requirements: the month in which a case was added. Sets are frozen once they are released.
NEWEST_REQUIREMENTS = "2026-12"
REQUIREMENT_SETS = (NEWEST_REQUIREMENTS,)


class Need(StrEnum):
    """What a case needs beyond a bridge at a URL."""

    OWN_PROCESS = "own process"
    """It kills or drains the bridge, so the suite must have started it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case."""

    id: str
    """`B-03`; stable."""
    title: str
    """What the bridge must do, in half a sentence."""
    section: str
    """The section of the client protocol that says so."""
    does: str
    """What the suite does."""
    expects: str
    """What the contract asks of the bridge."""
    matters: str
    """Why users care."""
    run: Callable[[CaseContext], Awaitable[None]]
    since: str = NEWEST_REQUIREMENTS
    """The first set of requirements that has this case."""
    needs: frozenset[Need] = frozenset()
    seconds: float = 1.0
    """How long it takes with a bridge that keeps the contract: long cases start first."""

    @property
    def group(self) -> str:
        """The letter of its group."""
        return self.id.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Group:
    """The cases of one letter."""

    letter: str
    title: str
    cases: list[Case] = field(default_factory=list)

    def case(
        self,
        number: int,
        title: str,
        *,
        section: str,
        expects: str,
        matters: str,
        since: str = NEWEST_REQUIREMENTS,
        needs: frozenset[Need] = frozenset(),
        seconds: float = 1.0,
    ) -> Callable[[Callable[[CaseContext], Awaitable[None]]], Callable[[CaseContext], Awaitable[None]]]:
        """Register the decorated function as a case. Its docstring says what the suite does."""

        def register(
            run: Callable[[CaseContext], Awaitable[None]],
        ) -> Callable[[CaseContext], Awaitable[None]]:
            self.add(
                number,
                title,
                run,
                section=section,
                does=" ".join((run.__doc__ or "").split()),
                expects=expects,
                matters=matters,
                since=since,
                needs=needs,
                seconds=seconds,
            )
            return run

        return register

    def add(
        self,
        number: int,
        title: str,
        run: Callable[[CaseContext], Awaitable[None]],
        *,
        section: str,
        does: str,
        expects: str,
        matters: str,
        since: str = NEWEST_REQUIREMENTS,
        needs: frozenset[Need] = frozenset(),
        seconds: float = 1.0,
    ) -> None:
        """Add a case, for tables of cases that differ in data only."""
        self.cases.append(
            Case(
                id=f"{self.letter}-{number:02}",
                title=title,
                section=section,
                does=does,
                expects=expects,
                matters=matters,
                run=run,
                since=since,
                needs=needs,
                seconds=seconds,
            )
        )
