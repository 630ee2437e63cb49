"""The verdict on a case, as a sum type, and the functions that end a case with one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn


@dataclass(frozen=True, slots=True)
class Passed:
    """The bridge did what the contract says."""

    seen: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The bridge did something else."""

    expected: str
    seen: str


@dataclass(frozen=True, slots=True)
class NonStrict:
    """The contract allows it, but it is worse than what it asks for."""

    expected: str
    seen: str


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The bridge has no such part, or its dialect has no word for it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Inconclusive:
    """The suite could not judge: the machine was late, or the suite itself failed. It is never a pass."""

    reason: str


Verdict = Passed | Failed | NonStrict | NotApplicable | Inconclusive


class CaseEnded(Exception):  # noqa: N818 - it ends a case, which need not be an error
    """Ends a case with a verdict."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict)
        self.verdict = verdict


def fail(expected: str, seen: str) -> NoReturn:
    """End the case: the bridge did something else than expected."""
    raise CaseEnded(Failed(expected, seen))


def check(condition: object, *, expected: str, seen: str) -> None:
    """End the case with a failure unless the condition holds."""
    if not condition:
        fail(expected, seen)


def not_applicable(reason: str) -> NoReturn:
    """End the case: it makes no sense for this bridge."""
    raise CaseEnded(NotApplicable(reason))


def inconclusive(reason: str) -> NoReturn:
    """End the case: the suite could not judge."""
    raise CaseEnded(Inconclusive(reason))
