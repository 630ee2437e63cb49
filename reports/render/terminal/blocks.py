"""The blocks below the rows: each problem with evidence, cause and fix.

Findings with places that share code, title, cause and fix share one block, which lists the places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from reports.render.terminal.rows import MAX_PLACES, SEVERITY_WORDS, evidence_lines, labelled_lines
from reports.render.terminal_text import display_width, pad, sanitize, truncate, wrap
from reports.render.wording import PROBLEM_SEVERITIES, place_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reports.model import Finding, Place

#: Column where the text after a label starts.
_TEXT_COLUMN = 9
#: A shorter excerpt of a source line is useless.
_MIN_EXCERPT = 24
#: How much of the line is shown before the finding if its start doesn't fit.
_CONTEXT = 10


def problem_blocks(findings: Iterable[Finding], width: int, *, verbose: bool) -> Iterator[list[Text]]:
    """Yield the block of each problem, in the order of the findings."""
    groups: dict[object, list[Finding]] = {}
    for number, finding in enumerate(findings):
        if finding.severity in PROBLEM_SEVERITIES:
            groups.setdefault(number if finding.place is None else _subject(finding), []).append(finding)
    for group in groups.values():
        yield problem_block(group[0], width) if group[0].place is None else _placed_block(group, width, verbose=verbose)


def _subject(finding: Finding) -> tuple[str, ...]:
    """Return what findings must share to be explained in one block."""
    return (finding.probe, finding.code, finding.severity, finding.title, finding.cause, finding.fix, finding.link)


def problem_block(finding: Finding, width: int) -> list[Text]:
    """Explain one finding: evidence, cause, fix."""
    lines = evidence_lines(finding.evidence[1:], width, indent=2)  # the row shows the first
    return [*_head(finding, width), *(_labelled(line) for line in [*lines, *_advice(finding, width)])]


def _placed_block(group: Sequence[Finding], width: int, *, verbose: bool) -> list[Text]:
    selected = group if verbose else group[:MAX_PLACES]
    lines = list(_place_lines(selected, width))
    if len(group) > len(selected):
        lines.append(f"{' ' * _TEXT_COLUMN}and {len(group) - len(selected)} more (-v shows them)")
    return [*_head(group[0], width), *(_labelled(line) for line in [*lines, *_advice(group[0], width)])]


def _head(finding: Finding, width: int) -> list[Text]:
    code, title = sanitize(finding.code), sanitize(finding.title)
    head = Text(truncate(code, width), style=SEVERITY_WORDS[finding.severity][1])
    if display_width(code) + 2 + display_width(title) <= width:
        return [head.append(f"  {title}", style="bold")]
    return [head, *(Text(line, style="bold") for line in wrap(title, width, "  "))]


def _place_lines(findings: Sequence[Finding], width: int) -> Iterator[str]:
    """List the places with their source lines, beside them if all fit, otherwise below."""
    locations = [sanitize(place_text(place)) for place in _places_of(findings)]
    widest = max(map(display_width, locations), default=0)
    beside = width - _TEXT_COLUMN - widest - 2
    lead = f"{'  at':<{_TEXT_COLUMN}}"
    for finding, place, location in zip(findings, _places_of(findings), locations, strict=True):
        source = _excerpt(place, beside if beside >= _MIN_EXCERPT else width - _TEXT_COLUMN - 2)
        if source and beside >= _MIN_EXCERPT:
            yield f"{lead}{pad(location, widest)}  {source}"
        else:
            yield lead + location
            if source:
                yield " " * (_TEXT_COLUMN + 2) + source
        yield from evidence_lines(finding.evidence, width, _TEXT_COLUMN + 2)
        lead = " " * _TEXT_COLUMN


def _excerpt(place: Place, room: int) -> str:
    """Cut the source line so that the finding is visible."""
    line = place.text.strip()
    indent = len(place.text) - len(place.text.lstrip())
    start, end = (column - 1 - indent for column in (place.column, place.end_column))
    if start > _CONTEXT and (end >= room or place.end_line > place.line):
        line = f"…{line[start - _CONTEXT :]}"
    return truncate(sanitize(line), room)


def _places_of(findings: Iterable[Finding]) -> list[Place]:
    return [finding.place for finding in findings if finding.place is not None]


def _advice(finding: Finding, width: int) -> list[str]:
    parts = (("cause", finding.cause), ("next", finding.fix), ("more", finding.link))
    return [line for word, text in parts for line in labelled_lines(word, text, width)]


def _labelled(line: str) -> Text:
    text = Text(line)
    text.stylize("dim", 0, _TEXT_COLUMN)
    return text
