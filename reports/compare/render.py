"""Renders a comparison for a terminal, as Markdown and as JSON. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from reports.compare.change_kinds import BETTER_CHANGES, WORSE_CHANGES, ChangeKind
from reports.render.json import SCHEMA_VERSION, format_document
from reports.render.markdown import bounded, table
from reports.render.markdown_text import escape, inline_code
from reports.render.numbers import format_value, metric_label
from reports.render.terminal.page import closing_line, draw_page, page_width
from reports.render.terminal.rows import SEVERITY_WORDS, labelled_lines
from reports.render.terminal_text import display_width, pad, sanitize, shorten, truncate, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reports.compare.compare import Comparison, FindingChange
    from reports.compare.metrics import MetricChange
    from reports.model import Severity
    from reports.store.reader import StoredReport

TOOL = "sherpa-report compare"

_STYLES: Mapping[ChangeKind, str] = {
    change: "red" if change in WORSE_CHANGES else "green" for change in WORSE_CHANGES | BETTER_CHANGES
}
_SIGNS: Mapping[ChangeKind, str] = {
    ChangeKind.NEW: "❌ new",
    ChangeKind.WORSE: "❌ worse",
    ChangeKind.BETTER: "✅ better",
    ChangeKind.GONE: "✅ gone",
    ChangeKind.UNSEEN: "❔ unseen",
    ChangeKind.MOVED: "↔️ moved",
}
#: The column where the text of a row starts, and the longest name of a check or a metric.
_LEAD, _MAX_NAME = 10, 36
#: Rows of a Markdown table.
_ROWS = 500


def render_terminal(comparison: Comparison, exit_code: int, *, width: int = 80, colour: bool = False) -> str:
    """Render the comparison for a terminal."""
    width = page_width(width)
    parts = [
        list(_header(comparison, width)),
        [line for one in comparison.findings for line in _finding_lines(one, width)],
        list(_metric_lines(comparison, width)),
        [closing_line(summary(comparison), exit_code, width)],
    ]
    return draw_page(filter(None, parts), width, colour=colour)


def summary(comparison: Comparison) -> str:
    """Return the verdict with the counts behind it: `worse: 1 new, 2 gone`."""
    counts = ", ".join(f"{comparison.count(change)} {change}" for change in ChangeKind if comparison.count(change))
    return f"{comparison.verdict}: {counts or 'nothing changed'}"


def _header(comparison: Comparison, width: int) -> Iterator[Text]:
    yield Text(TOOL, style="bold")
    for word, run in (("before", comparison.before), ("after", comparison.after)):
        yield from map(Text, labelled_lines(word, _run_label(run), width))
    for remark in comparison.remarks:
        yield from (Text(line, style="yellow") for line in labelled_lines("note", remark, width))


def _run_label(run: StoredReport) -> str:
    return f"{sanitize(run.report.tool)}, {sanitize(run.report.started)}, exit {run.exit_code}"


def _finding_lines(one: FindingChange, width: int) -> list[Text]:
    first = Text().append(f"  {one.change:<{_LEAD - 2}}", style=_STYLES.get(one.change, "dim"))
    first.append(truncate(sanitize(one.code), width - _LEAD), style="bold")
    what = f"{sanitize(_location(one))}: {sanitize(one.title)}"
    lines = [*wrap(what, width - _LEAD), *wrap(sanitize(_change_text(one)), width - _LEAD)]
    return [first, *(Text(" " * _LEAD + line) for line in lines)]


def _location(one: FindingChange) -> str:
    return one.path or ", ".join(filter(None, (one.probe, one.check)))


def _change_text(one: FindingChange) -> str:
    """Describe the change of severity or count; empty if it only came or went."""
    if one.change is ChangeKind.UNSEEN:
        return "not checked again"
    if one.before is not None and one.after is not None and one.before is not one.after:
        return f"{_severity_word(one.before)} -> {_severity_word(one.after)}"
    if one.count_before and one.count_after and one.count_before != one.count_after:
        return f"{one.count_before} -> {one.count_after} times"
    return ""


def _severity_word(severity: Severity) -> str:
    return SEVERITY_WORDS[severity][0]


def _metric_lines(comparison: Comparison, width: int) -> Iterator[Text]:
    texts = [_values(one) for one in comparison.metrics]
    room = width - _LEAD - 2 - max(map(display_width, texts), default=0)
    names = min(
        room, _MAX_NAME, max((display_width(sanitize(metric_label(one.name))) for one in comparison.metrics), default=0)
    )
    for one, values in zip(comparison.metrics, texts, strict=True):
        line = Text().append(f"  {one.change:<{_LEAD - 2}}", style=_STYLES.get(one.change, "dim"))
        yield line.append(f"{pad(truncate(sanitize(metric_label(one.name)), names), names)}  {values}")


def _values(one: MetricChange) -> str:
    """Format both values and the relative change."""
    before, after = ("-" if value is None else format_value(one.name, value) for value in (one.before, one.after))
    if not one.before or one.after is None:
        return f"{before} -> {after}"
    return f"{before} -> {after} ({100 * (one.after - one.before) / abs(one.before):+.0f} %)"


def render_markdown(comparison: Comparison, exit_code: int) -> str:
    """Render the comparison as Markdown."""
    return bounded(_sections(comparison, exit_code))


def _sections(comparison: Comparison, exit_code: int) -> Iterator[str]:
    sign = "❌" if comparison.is_worse else "✅"
    yield f"### {sign} {summary(comparison)} (exit {exit_code})"
    runs = (("before", comparison.before), ("after", comparison.after))
    yield "\n".join(f"- {word}: {escape(_cell(_run_label(run)))}" for word, run in runs)
    for remark in comparison.remarks:
        yield f"⚠️ {escape(_cell(remark))}"
    for head, rows in (
        (("", "code", "where", "what", ""), [_finding_row(one) for one in comparison.findings]),
        (("", "measured", "before and after"), [_metric_row(one) for one in comparison.metrics]),
    ):
        if rows:
            yield table(head, rows[:_ROWS])
        if len(rows) > _ROWS:
            yield f"*and {len(rows) - _ROWS} more*"


def _finding_row(one: FindingChange) -> tuple[str, ...]:
    title = escape(_cell(one.title))
    return (
        _SIGNS[one.change],
        inline_code(_cell(one.code)),
        inline_code(_cell(_location(one))),
        title,
        escape(_change_text(one)),
    )


def _metric_row(one: MetricChange) -> tuple[str, ...]:
    return _SIGNS[one.change], escape(_cell(metric_label(one.name))), escape(_values(one))


def _cell(text: str) -> str:
    return shorten(text, 200)


def render_json(comparison: Comparison, exit_code: int) -> str:
    """Render the comparison as a JSON document. Its keys are as stable as those of a report."""
    return format_document(
        {
            "schema_version": SCHEMA_VERSION,
            "tool": TOOL,
            "verdict": comparison.verdict,
            "exit_code": exit_code,
            "counts": {change.value: comparison.count(change) for change in ChangeKind},
            "before": _run(comparison.before),
            "after": _run(comparison.after),
            "remarks": list(comparison.remarks),
            "findings": [_plain(one) for one in comparison.findings],
            "figures": [_plain(one) for one in comparison.metrics],
        }
    )


def _run(run: StoredReport) -> dict[str, Any]:
    report = run.report
    return {"tool": report.tool, "version": report.version, "started": report.started, "exit_code": run.exit_code}


def _plain(one: FindingChange | MetricChange) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}
