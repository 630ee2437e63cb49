"""Reads the results of Autobahn's test suite, and judges them more strictly than the suite does.

After a protocol violation, the suite accepts a dropped connection. Here, the Close frame must have the code that the
case's file expects (1002, 1007).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = ["PLAIN_CASES", "SIZE_CASES", "CaseResult", "faults", "read_cases", "table"]

#: How many cases there are in sections 1 to 7 and 10, and in section 9.
PLAIN_CASES: Final = 247
SIZE_CASES: Final = 54
#: NON-STRICT: correct, but not at the first possible moment. INFORMATIONAL: the standard allows several behaviors.
GOOD: Final = frozenset({"OK", "NON-STRICT", "INFORMATIONAL"})
SECTIONS: Final[Mapping[int, str]] = {
    1: "echo",
    2: "pings",
    3: "reserved bits",
    4: "opcodes",
    5: "fragments",
    6: "UTF-8",
    7: "closing",
    9: "size",
    10: "timing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """One case and its result."""

    id: str
    behavior: str
    behavior_close: str
    violates: bool
    """Whether the suite violates the protocol in this case. Then it does not require a clean close."""
    wanted: tuple[int, ...]
    """The close codes that are correct."""
    got: int | None
    """The code of our Close frame; None if there was no frame, or no code in it."""

    @property
    def section(self) -> int:
        """The number before the first dot."""
        return int(self.id.split(".")[0])

    @property
    def fault(self) -> str | None:
        """What is wrong; None if the case passed."""
        if self.behavior not in GOOD or self.behavior_close not in GOOD:
            return f"{self.id}: {self.behavior}, closing {self.behavior_close} (code {self.got})"
        if self.violates and self.got not in self.wanted:
            return f"{self.id}: a violation was answered with {self.got} instead of {self.wanted}"
        return None


class _Verdict(msgspec.Struct):
    behavior: str
    behavior_close: str = msgspec.field(name="behaviorClose")
    file: str = msgspec.field(name="reportfile")


class _Expected(msgspec.Struct, rename="camel"):
    close_code: tuple[int, ...]
    require_clean: bool


class _Detail(msgspec.Struct, rename="camel"):
    expected_close: _Expected
    remote_close_code: int | None = None


def read_cases(folder: Path) -> tuple[CaseResult, ...]:
    """Read index.json and the file of each case; the report must be of one agent.

    Raises OSError or msgspec.ValidationError for a folder that holds no such report.
    """
    index = msgspec.json.decode((folder / "index.json").read_bytes(), type=dict[str, dict[str, _Verdict]])
    [verdicts] = index.values()
    cases = [_case(name, verdict, folder / verdict.file) for name, verdict in verdicts.items()]
    return tuple(sorted(cases, key=lambda case: [int(part) for part in case.id.split(".")]))


def _case(name: str, verdict: _Verdict, file: Path) -> CaseResult:
    # The file has lone surrogates for invalid text, which only the standard library can read.
    detail = msgspec.convert(json.loads(file.read_bytes()), _Detail)
    return CaseResult(
        id=name,
        behavior=verdict.behavior,
        behavior_close=verdict.behavior_close,
        violates=not detail.expected_close.require_clean,
        wanted=detail.expected_close.close_code,
        got=detail.remote_close_code,
    )


def faults(cases: Sequence[CaseResult], *, expected: int) -> list[str]:
    """Return everything that is wrong, including missing cases."""
    found = [fault for case in cases if (fault := case.fault)]
    if len(cases) != expected:
        found.append(f"{len(cases)} cases were reported and {expected} should be")
    return found


def table(cases: Sequence[CaseResult]) -> Iterable[str]:
    """Iterate over the lines of a table: one per section, one for all, one for the violations."""
    yield f"{'section':18}{'cases':>6}{'OK':>6}{'non-strict':>12}{'informational':>15}{'failed':>8}"
    for section in sorted({case.section for case in cases}):
        yield _row(f"{section} {SECTIONS.get(section, '')}", [case for case in cases if case.section == section])
    yield _row("all", cases)
    codes = Counter(case.got for case in cases if case.violates)
    if codes:
        answers = ", ".join(f"{count} with {code or 'no code'}" for code, count in codes.most_common())
        yield f"violations: {codes.total()}, answered {answers}"


def _row(name: str, cases: Sequence[CaseResult]) -> str:
    count = Counter(case.behavior for case in cases)
    failed = sum(case.fault is not None for case in cases)
    return f"{name:18}{len(cases):6}{count['OK']:6}{count['NON-STRICT']:12}{count['INFORMATIONAL']:15}{failed:8}"
