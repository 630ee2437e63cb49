"""A comparison of two runs for people, for summaries and for scripts. Pure: text out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from reports.compare.compare import BAD, GOOD, Change, Changed, Comparison, Moved
from reports.render.json import SCHEMA_VERSION, written
from reports.render.markdown import bounded, table
from reports.render.markdown_text import code, escaped
from reports.render.numbers import label, shown
from reports.render.terminal.page import closing, on_page, page_width
from reports.render.terminal.rows import WORDS, hanging
from reports.render.terminal_text import columns, cut, padded, plain, shortened, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reports.model import Severity
    from reports.store.reader import Kept

TOOL = "sherpa-report compare"

_STYLES: Mapping[Change, str] = {change: "red" if change in BAD else "green" for change in BAD | GOOD}
_SIGNS: Mapping[Change, str] = {
    Change.NEW: "❌ new",
    Change.WORSE: "❌ worse",
    Change.BETTER: "✅ better",
    Change.GONE: "✅ gone",
    Change.UNSEEN: "❔ unseen",
    Change.MOVED: "↔️ moved",
}
#: Where what a row says begins, and the longest name of a check or a figure.
_LEAD, _LONGEST = 10, 36
#: Rows of a table in Markdown.
_ROWS = 500


def on_terminal(comparison: Comparison, exit_code: int, *, width: int = 80, colour: bool = False) -> str:
    """Write the comparison for people."""
    width = page_width(width)
    parts = [
        list(_header(comparison, width)),
        [line for one in comparison.findings for line in _finding(one, width)],
        list(_figures(comparison, width)),
        [closing(summary(comparison), exit_code, width)],
    ]
    return on_page(filter(None, parts), width, colour=colour)


def summary(comparison: Comparison) -> str:
    """Give the verdict and the counts behind it: `worse: 1 new, 2 gone`."""
    counts = ", ".join(f"{comparison.count(change)} {change}" for change in Change if comparison.count(change))
    return f"{comparison.verdict}: {counts or 'nothing changed'}"


def _header(comparison: Comparison, width: int) -> Iterator[Text]:
    yield Text(TOOL, style="bold")
    for word, run in (("before", comparison.before), ("after", comparison.after)):
        yield from map(Text, hanging(word, _named(run), width))
    for remark in comparison.remarks:
        yield from (Text(line, style="yellow") for line in hanging("note", remark, width))


def _named(run: Kept) -> str:
    return f"{plain(run.report.tool)}, {plain(run.report.started)}, exit {run.exit_code}"


def _finding(one: Changed, width: int) -> list[Text]:
    first = Text().append(f"  {one.change:<{_LEAD - 2}}", style=_STYLES.get(one.change, "dim"))
    first.append(cut(plain(one.code), width - _LEAD), style="bold")
    what = f"{plain(_where(one))}: {plain(one.title)}"
    said = [*wrapped(what, width - _LEAD), *wrapped(plain(_became(one)), width - _LEAD)]
    return [first, *(Text(" " * _LEAD + line) for line in said)]


def _where(one: Changed) -> str:
    return one.path or ", ".join(filter(None, (one.probe, one.check)))


def _became(one: Changed) -> str:
    """Say what it was and what it is, where that says more than that it came or went."""
    if one.change is Change.UNSEEN:
        return "nobody looked at it again"
    if one.before is not None and one.after is not None and one.before is not one.after:
        return f"{_word(one.before)} -> {_word(one.after)}"
    if one.count_before and one.count_after and one.count_before != one.count_after:
        return f"{one.count_before} -> {one.count_after} times"
    return ""


def _word(severity: Severity) -> str:
    return WORDS[severity][0]


def _figures(comparison: Comparison, width: int) -> Iterator[Text]:
    said = [_values(one) for one in comparison.figures]
    room = width - _LEAD - 2 - max(map(columns, said), default=0)
    names = min(room, _LONGEST, max((columns(plain(label(one.name))) for one in comparison.figures), default=0))
    for one, values in zip(comparison.figures, said, strict=True):
        line = Text().append(f"  {one.change:<{_LEAD - 2}}", style=_STYLES.get(one.change, "dim"))
        yield line.append(f"{padded(cut(plain(label(one.name)), names), names)}  {values}")


def _values(one: Moved) -> str:
    """Write both values, and by how much of the first they differ."""
    before, after = ("-" if value is None else shown(one.name, value) for value in (one.before, one.after))
    if not one.before or one.after is None:
        return f"{before} -> {after}"
    return f"{before} -> {after} ({100 * (one.after - one.before) / abs(one.before):+.0f} %)"


def as_markdown(comparison: Comparison, exit_code: int) -> str:
    """Write the comparison for a summary or a comment."""
    return bounded(_sections(comparison, exit_code))


def _sections(comparison: Comparison, exit_code: int) -> Iterator[str]:
    sign = "❌" if comparison.is_worse else "✅"
    yield f"### {sign} {summary(comparison)} (exit {exit_code})"
    runs = (("before", comparison.before), ("after", comparison.after))
    yield "\n".join(f"- {word}: {escaped(_cell(_named(run)))}" for word, run in runs)
    for remark in comparison.remarks:
        yield f"⚠️ {escaped(_cell(remark))}"
    for head, rows in (
        (("", "code", "where", "what", ""), [_finding_row(one) for one in comparison.findings]),
        (("", "measured", "before and after"), [_figure_row(one) for one in comparison.figures]),
    ):
        if rows:
            yield table(head, rows[:_ROWS])
        if len(rows) > _ROWS:
            yield f"*and {len(rows) - _ROWS} more*"


def _finding_row(one: Changed) -> tuple[str, ...]:
    title = escaped(_cell(one.title))
    return _SIGNS[one.change], code(_cell(one.code)), code(_cell(_where(one))), title, escaped(_became(one))


def _figure_row(one: Moved) -> tuple[str, ...]:
    return _SIGNS[one.change], escaped(_cell(label(one.name))), escaped(_values(one))


def _cell(text: str) -> str:
    return shortened(text, 200)


def as_json(comparison: Comparison, exit_code: int) -> str:
    """Write the comparison for scripts: one document, as stable as a report's."""
    return written(
        {
            "schema_version": SCHEMA_VERSION,
            "tool": TOOL,
            "verdict": comparison.verdict,
            "exit_code": exit_code,
            "counts": {change.value: comparison.count(change) for change in Change},
            "before": _run(comparison.before),
            "after": _run(comparison.after),
            "remarks": list(comparison.remarks),
            "findings": [_plain(one) for one in comparison.findings],
            "figures": [_plain(one) for one in comparison.figures],
        }
    )


def _run(run: Kept) -> dict[str, Any]:
    report = run.report
    return {"tool": report.tool, "version": report.version, "started": report.started, "exit_code": run.exit_code}


def _plain(one: Changed | Moved) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}
