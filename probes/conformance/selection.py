"""Which cases run, which of them count, and which failures are expected."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from probes.conformance.case import REQUIREMENT_SETS
from probes.conformance.cases.r_recording import RECORDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from probes.conformance.case import Case


class SelectionError(ValueError):
    """Patterns, a set of requirements or a file of expected failures are wrong; the message says how."""


def matches(case_id: str, pattern: str) -> bool:
    """Whether a case has this id: `B-03`, `B.3`, a glob such as `B.*`, or a group's letter."""
    wanted = pattern.strip().upper().replace(".", "-")
    letter, dash, number = wanted.partition("-")
    if not dash:
        return case_id.startswith(f"{wanted}-") or fnmatchcase(case_id, wanted)
    return fnmatchcase(case_id, f"{letter}-{number.zfill(2) if number.isdigit() else number}")


def select(cases: Sequence[Case], wanted: Iterable[str], excluded: Iterable[str], groups: str = "") -> tuple[Case, ...]:
    """Return the cases that match any of `wanted`, all if there is none, and none of `excluded`.

    `groups` are the letters that the profile has; empty for all. A recording's case belongs to every profile. Raises
    SelectionError for a pattern without a case.
    """
    wanted, excluded = tuple(wanted), tuple(excluded)
    for pattern in (*wanted, *excluded):
        if not any(matches(case.id, pattern) for case in cases):
            raise SelectionError(f"no case matches {pattern!r}; to list the cases: sherpa-probe conformance --list")
    selected = tuple(
        case
        for case in cases
        if (not wanted or any(matches(case.id, pattern) for pattern in wanted))
        and not any(matches(case.id, pattern) for pattern in excluded)
        and (not groups or case.group in (*groups, RECORDED))
    )
    if not selected:
        raise SelectionError("no case is left to run")
    return selected


def not_scored(cases: Iterable[Case], requirements: str | None) -> Mapping[str, str]:
    """Return the reason why a case is run but does not count, by id. Raises SelectionError for an unknown set."""
    if requirements is None:
        return {}
    if requirements not in REQUIREMENT_SETS:
        known = ", ".join(REQUIREMENT_SETS)
        raise SelectionError(f"--requirements: there is no set {requirements!r}; there are {known}")
    return {case.id: f"added in {case.since}, after {requirements}" for case in cases if case.since > requirements}


@dataclass(frozen=True, slots=True)
class ExpectedFailure:
    """A line of the file of expected failures."""

    case_id: str
    reason: str = ""


def read_expected_failures(path: Path, cases: Sequence[Case]) -> Mapping[str, ExpectedFailure]:
    """Read a file with one case id a line, each with an optional reason behind `#`. Raises SelectionError."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SelectionError(f"--expected-failures: can't read {path}: {error}") from None
    known = {case.id for case in cases}
    entries: dict[str, ExpectedFailure] = {}
    for number, line in enumerate(lines, 1):
        word, _, reason = line.partition("#")
        case_id = word.strip()
        if case_id and case_id not in known:
            raise SelectionError(f"--expected-failures: {path}, line {number}: there is no case {case_id!r}")
        if case_id:
            entries[case_id] = ExpectedFailure(case_id, reason.strip())
    return entries
