"""Findings on the HTML page: a card for each problem, a row for each check.

Findings that say the same about several places (one mistake in 30 files) share a card and a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.model import Severity
from reports.render.html.advice import split_advice, split_prose
from reports.render.html.limits import PageLimits, Truncated, take_first
from reports.render.html.wording import OUTCOME_MARKS, one_line, paragraphs, source_line
from reports.render.numbers import format_duration
from reports.render.wording import OWN_PROBES, PROBLEM_SEVERITIES, evidence_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reports.model import Evidence, Finding, Place, Report
    from reports.render.html.advice import AdviceLine
    from reports.render.html.wording import OutcomeMark

#: Reasons below the verdict.
_MAX_REASONS = 3
#: Longer names of checks get a wider column.
_MAX_SHORT_NAME = 18
#: Similar findings, in the order in which they were found.
SimilarFindings = tuple["Finding", ...]


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """One piece of evidence: its label and the lines of its value."""

    label: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlaceView:
    """A place in a file with its source line in three parts (the middle one is marked) and remarks."""

    location: str
    before: str
    marked: str
    after: str
    remarks: tuple[str, ...]
    """Remarks that hold for this place only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemCard:
    """A problem with its explanation."""

    anchor: str
    mark: OutcomeMark
    code: str
    origin: str
    """Probe and check."""
    title: str
    evidence: Truncated[EvidenceView]
    places: Truncated[PlaceView]
    cause: tuple[AdviceLine, ...]
    fix: tuple[AdviceLine, ...]
    link: tuple[AdviceLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HtmlCheck:
    """A row in a table of checks. `anchor` is the card that explains it; empty if there is none."""

    mark: OutcomeMark
    name: str
    outcome: str
    anchor: str
    evidence: Truncated[EvidenceView]
    duration: str


@dataclass(frozen=True, slots=True)
class HtmlCheckGroup:
    """The checks of one probe."""

    name: str
    checks: Truncated[HtmlCheck]

    @property
    def has_times(self) -> bool:
        """Whether any of its checks has a duration."""
        return any(check.duration for check in self.checks.shown)

    @property
    def has_long_names(self) -> bool:
        """Whether the names of its checks are sentences or rules, as budgets are."""
        return any(len(check.name) > _MAX_SHORT_NAME for check in self.checks.shown)


@dataclass(frozen=True, slots=True)
class FindingsView:
    """Everything the page says about findings."""

    cards: Truncated[ProblemCard]
    reasons: Truncated[ProblemCard]
    """The main reasons for the verdict: failures, or warnings if there are none."""
    groups: tuple[HtmlCheckGroup, ...]
    groups_left_out: int


def findings_view(report: Report, limits: PageLimits) -> FindingsView:
    """Lay out the findings of a report."""
    similar = group_similar(report.findings)
    problems = sorted((group for group in similar if group[0].severity in PROBLEM_SEVERITIES), key=_severity_rank)
    chosen = take_first(problems, limits.problems)
    anchors = {id(group): f"problem-{number}" for number, group in enumerate(chosen.shown, 1)}
    cards = tuple(_card(group, anchors[id(group)], limits) for group in chosen.shown)
    groups, groups_left_out = _groups(report, similar, anchors, limits)
    return FindingsView(Truncated(cards, chosen.left_out), _reasons(cards, problems), groups, groups_left_out)


def _severity_rank(group: SimilarFindings) -> int:
    return list(OUTCOME_MARKS).index(group[0].severity)


def group_similar(findings: Iterable[Finding]) -> list[SimilarFindings]:
    """Group findings that say the same about several places. A finding without a place stays alone."""
    groups: dict[object, list[Finding]] = {}
    for number, finding in enumerate(findings):
        subject = (
            finding.probe,
            finding.code,
            finding.severity,
            finding.check,
            finding.cause,
            finding.fix,
            finding.link,
        )
        groups.setdefault(subject if finding.place else number, []).append(finding)
    return [tuple(group) for group in groups.values()]


def _reasons(cards: tuple[ProblemCard, ...], problems: list[SimilarFindings]) -> Truncated[ProblemCard]:
    warnings = sum(group[0].severity is Severity.WARNING for group in problems)
    count = (len(problems) - warnings) or warnings
    return Truncated(cards[: min(_MAX_REASONS, count)], max(0, count - _MAX_REASONS))


def _card(group: SimilarFindings, anchor: str, limits: PageLimits) -> ProblemCard:
    finding = group[0]
    return ProblemCard(
        anchor=anchor,
        mark=OUTCOME_MARKS[finding.severity],
        code=one_line(finding.code, limits.short),
        origin=one_line(" · ".join(name for name in (finding.probe, finding.check) if name), limits.short),
        title=one_line(finding.title, limits.short) or "(untitled)",
        evidence=_evidence_views(_common(group), limits),
        places=_place_views(group, limits),
        cause=split_prose(finding.cause, limits.long),
        fix=split_advice(finding.fix, limits.long),
        link=split_advice(finding.link, limits.short),
    )


def _evidence_views(evidence: tuple[Evidence, ...], limits: PageLimits) -> Truncated[EvidenceView]:
    chosen = take_first(evidence, limits.seen)
    shown = tuple(EvidenceView(one_line(item.label, limits.short), _value(item.value, limits)) for item in chosen.shown)
    return Truncated(shown, chosen.left_out)


def _value(value: str, limits: PageLimits) -> tuple[str, ...]:
    """Keep the line breaks of a longer text (a traceback)."""
    if len(value[: limits.long].strip().split("\n", 1)) > 1:
        return paragraphs(value, limits.long)
    return (one_line(value, limits.short),)


def _place_views(group: SimilarFindings, limits: PageLimits) -> Truncated[PlaceView]:
    chosen = take_first([finding for finding in group if finding.place], limits.places)
    common = _common(group)
    return Truncated(
        tuple(_place_view(finding, group[0].title, common, limits) for finding in chosen.shown), chosen.left_out
    )


def _common(group: SimilarFindings) -> tuple[Evidence, ...]:
    """Return the evidence that all findings of a group share."""
    return group[0].evidence if all(finding.evidence == group[0].evidence for finding in group) else ()


def _place_view(finding: Finding, title: str, common: tuple[Evidence, ...], limits: PageLimits) -> PlaceView:
    place = finding.place
    if place is None:
        raise AssertionError("only findings with a place have a view")
    location = f"{source_line(place.path[-limits.short :])}:{place.line}:{place.column}"
    remarks = [evidence_text(item) for item in finding.evidence[: limits.seen] if finding.evidence != common]
    remarks = [finding.title, *remarks] if finding.title != title else remarks
    return PlaceView(
        location, *_source(place, limits.short), tuple(one_line(remark, limits.short) for remark in remarks)
    )


def _source(place: Place, limit: int) -> tuple[str, str, str]:
    """Split the source line at the start and end of the finding, without indentation and overlong parts."""
    text = place.text.rstrip()
    indent = min(len(text) - len(text.lstrip()), max(place.column - 1, 0))
    text, begin = text[indent:], max(place.column - 1 - indent, 0)
    end = place.end_column - 1 - indent if place.end_line == place.line else len(text)
    if begin > limit // 2:  # a minified file: show the surroundings
        text, begin, end = text[begin - limit // 4 :], limit // 4, end - begin + limit // 4
    text, end = text[:limit], min(max(end, begin), limit)
    return source_line(text[:begin]), source_line(text[begin:end]), source_line(text[end:])


def _groups(
    report: Report, similar: list[SimilarFindings], anchors: Mapping[int, str], limits: PageLimits
) -> tuple[tuple[HtmlCheckGroup, ...], int]:
    by_probe: dict[str, list[SimilarFindings]] = {}
    for group in similar:
        by_probe.setdefault(report.tool if group[0].probe in OWN_PROBES else group[0].probe, []).append(group)
    room, groups = limits.checks, list[HtmlCheckGroup]()
    for name, rows in by_probe.items():
        if not room:
            break
        chosen = take_first(rows, room)
        room -= len(chosen.shown)
        checks = tuple(_check(row, anchors.get(id(row), ""), limits) for row in chosen.shown)
        groups.append(HtmlCheckGroup(one_line(name, limits.short), Truncated(checks, chosen.left_out)))
    return tuple(groups), sum(map(len, list(by_probe.values())[len(groups) :]))


def _check(group: SimilarFindings, anchor: str, limits: PageLimits) -> HtmlCheck:
    finding = group[0]
    places = f" ({len(group):,} places)" if len(group) > 1 else ""
    return HtmlCheck(
        mark=OUTCOME_MARKS[finding.severity],
        name=one_line(finding.check, limits.short),
        outcome=(one_line(finding.title, limits.short) or "-") + places,
        anchor=anchor,
        evidence=Truncated(()) if anchor else _evidence_views(finding.evidence, limits),
        duration="" if finding.seconds is None else format_duration(finding.seconds),
    )
