"""The rows of the terminal page: one per check, under a heading per probe if there are several.

A finding in a file shows its place. Without -v, only the first places of each code are shown.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.text import Text

from reports.model import Finding, Severity
from reports.render.terminal_text import display_width, format_milliseconds, pad, sanitize, truncate, wrap
from reports.render.wording import OWN_PROBES, PROBLEM_SEVERITIES, evidence_text, group_by_probe, place_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reports.model import Evidence

#: Word and style of each severity.
SEVERITY_WORDS: Mapping[Severity, tuple[str, str]] = {
    Severity.PASS: ("ok", "green"),
    Severity.INFO: ("info", "cyan"),
    Severity.WARNING: ("warn", "yellow"),
    Severity.FAIL: ("FAIL", "bold red"),
    Severity.ERROR: ("ERR", "bold red"),
    Severity.SKIPPED: ("--", "dim"),
}

#: Places per code that are shown without -v.
MAX_PLACES = 10
#: Columns before the name of a check.
_LEAD = 8
#: With fewer columns for the text of a row, the text is below the row.
_MIN_TEXT = 24
#: Columns of the duration, right aligned.
_TIME_WIDTH = 9
#: Longer names of checks are cut.
_MAX_NAME = 36
#: Columns of a label and its gap.
_LABEL_WIDTH = 8


def finding_rows(findings: Sequence[Finding], width: int, *, verbose: bool) -> Iterator[Text]:
    """Draw the rows of all findings."""
    names = max((display_width(sanitize(finding.check)) for finding in findings), default=0)
    checks = min(names, _MAX_NAME, width - _LEAD - _TIME_WIDTH - 2) + 2
    groups = group_by_probe(findings)
    headed = len(groups.keys() - OWN_PROBES) > 1
    for number, (probe, group) in enumerate(groups.items() if headed else [("", list(findings))]):
        if headed and number:
            yield Text()
        if headed and probe not in OWN_PROBES:
            yield Text(truncate(sanitize(probe), width), style="bold")
        yield from _group(group, width, checks, verbose=verbose)


def _group(findings: Iterable[Finding], width: int, checks: int, *, verbose: bool) -> Iterator[Text]:
    placed: Counter[tuple[str, str]] = Counter()
    for finding in findings:
        kind = (finding.check, finding.code)
        placed[kind] += finding.place is not None
        if placed[kind] <= MAX_PLACES or finding.place is None or verbose:
            yield from finding_row(finding, width, checks)
            yield from _detail(finding, width, checks) if verbose else ()
    for (check, _), count in placed.items():
        if count > MAX_PLACES and not verbose:
            name = pad(truncate(sanitize(check), checks - 2), checks)
            yield Text(f"  ..    {name}and {count - MAX_PLACES} more", style="dim")


def _detail(finding: Finding, width: int, checks: int) -> Iterator[Text]:
    """Show the evidence of a check without a block."""
    if finding.severity not in PROBLEM_SEVERITIES:
        indent = _LEAD + checks if _fits_beside(width, checks) else _LEAD
        yield from (Text(line, style="dim") for line in evidence_lines(finding.evidence, width, indent))


def finding_row(finding: Finding, width: int, checks: int) -> list[Text]:
    """Draw one check: word, name, outcome, duration. `checks` is the width of the names' column."""
    word, style = SEVERITY_WORDS[finding.severity]
    duration, text = format_milliseconds(finding.seconds), sanitize(_row_text(finding))
    room = width - _LEAD - checks - (_TIME_WIDTH if duration or finding.place is None else 0)
    if _fits_beside(width, checks) and (finding.place is None or display_width(text) <= room):
        first, *others = wrap(text, room) or [""]
        more = [" " * (_LEAD + checks) + rest for rest in others]
    else:
        first, more = "", wrap(text, width, " " * _LEAD)
    name = pad(truncate(sanitize(finding.check), checks - 2), checks)
    line = Text().append(f"  {word:<4}", style=style)
    line.append(f"  {name}", style="bold" if finding.severity in PROBLEM_SEVERITIES else "not bold")
    rest = f"{pad(first, room)}{duration:>{_TIME_WIDTH}}".rstrip() if duration else first
    line.append(rest, style="dim" if finding.severity is Severity.SKIPPED else "")
    line.rstrip()
    return [line, *map(Text, more)]


def _fits_beside(width: int, checks: int) -> bool:
    """Return whether the text of a row fits between its name and its duration."""
    return width - _LEAD - checks - _TIME_WIDTH >= _MIN_TEXT


def _row_text(finding: Finding) -> str:
    """Return the text of the row: the first evidence of a problem (the block below explains it), else the title."""
    is_problem = finding.severity in PROBLEM_SEVERITIES
    if finding.place is not None:
        return place_text(finding.place) if is_problem else f"{place_text(finding.place)}  {finding.title}"
    return evidence_text(finding.evidence[0]) if is_problem and finding.evidence else finding.title


#: Evidence whose label is the word of its line: what was expected, and what came instead.
_LINE_WORDS = {"expected": "want", "seen": "got"}


def evidence_lines(evidence: Iterable[Evidence], width: int, indent: int) -> Iterator[str]:
    """Write each piece of evidence with its label."""
    for item in evidence:
        word = _LINE_WORDS.get(item.label)
        yield from labelled_lines(word or "seen", item.value if word else evidence_text(item), width, indent)


def labelled_lines(word: str, text: str, width: int, indent: int = 2) -> list[str]:
    """Write a labelled text. Its line breaks are kept, so that commands stay on lines of their own."""
    lead, lines = f"{' ' * indent}{word:<{_LABEL_WIDTH - 1}}", []
    for paragraph in text.splitlines():
        lines += wrap(sanitize(paragraph), width, lead, " " * len(lead))
        lead = " " * len(lead)
    return lines
