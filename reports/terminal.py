"""A report for people: a row a check, a block for each one that needs attention, and a verdict.

Nothing depends on colour: every row carries a word. Made for 80 columns; wider terminals are used up to 100, narrower
ones down to 40, where what a row says stands below its name. No address and no command is broken within a word.
"""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from reports.model import Evidence, Finding, Report, Severity
from reports.text import milliseconds, plain, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: Word and style of each severity.
WORDS: Mapping[Severity, tuple[str, str]] = {
    Severity.PASS: ("ok", "green"),
    Severity.INFO: ("info", "cyan"),
    Severity.WARNING: ("warn", "yellow"),
    Severity.FAIL: ("FAIL", "bold red"),
    Severity.ERROR: ("ERR", "bold red"),
    Severity.SKIPPED: ("--", "dim"),
}

#: What gets a block below the rows.
_EXPLAINED = frozenset({Severity.WARNING, Severity.FAIL, Severity.ERROR})

#: The verdict's words, in its order.
_COUNTED: Mapping[Severity, str] = {
    Severity.FAIL: "failed",
    Severity.ERROR: "could not look",
    Severity.WARNING: "warned",
    Severity.PASS: "passed",
    Severity.INFO: "noted",
    Severity.SKIPPED: "skipped",
}

_NARROWEST, _WIDEST = 40, 100
#: With fewer columns than this for what a row says, it stands below the row.
_ROOMY = 24
#: Columns of the duration, right aligned.
_TIME = 9
#: Evidence of passing rows is cut here unless everything is wanted.
_LABEL = 8


def render(report: Report, exit_code: int, *, width: int = 80, colour: bool = False, verbose: bool = False) -> str:
    """Write the whole report. `verbose` also shows what was seen by checks that passed."""
    width = max(_NARROWEST, min(width, _WIDEST))
    text = Text("\n").join([*header(report, width), Text(), *_rows(report, width, verbose=verbose)])
    for finding in report.findings:
        if finding.severity in _EXPLAINED:
            text.append("\n\n").append_text(Text("\n").join(block(finding, width)))
    text.append("\n\n").append_text(verdict(report, exit_code, width))
    return _drawn(text, width, colour=colour)


def header(report: Report, width: int) -> list[Text]:
    """Name the tool and its target, on as few lines as fit."""
    lines = [report.tool]
    for part in (plain(evidence.value) for evidence in report.target):
        joined = f"{lines[-1]}   {part}"
        if len(joined) <= width:
            lines[-1] = joined
        else:
            lines += wrapped(part, width, "  ")
    first, *others = lines
    return [Text(first, style="bold"), *map(Text, others)]


def _rows(report: Report, width: int, *, verbose: bool) -> Iterator[Text]:
    checks = max((len(finding.check) for finding in report.findings), default=0) + 2
    for finding in report.findings:
        yield from row(finding, width, checks)
        if verbose and finding.severity not in _EXPLAINED:
            indent = 8 + checks if _is_roomy(width, checks) else 8
            yield from (Text(line, style="dim") for line in _seen(finding.evidence, width, indent))


def row(finding: Finding, width: int, checks: int) -> list[Text]:
    """Draw one check: word, name, what came out, how long it took. `checks` is the width of the names' column."""
    word, style = WORDS[finding.severity]
    took, said, room = milliseconds(finding.seconds), plain(_headline(finding)), width - 8 - checks - _TIME
    if _is_roomy(width, checks):
        first, *others = wrapped(said, room) or [""]
        more = [" " * (8 + checks) + rest for rest in others]
    else:
        first, more = "", wrapped(said, width, " " * 8)
    line = Text().append(f"  {word:<4}", style=style)
    line.append(f"  {finding.check:<{checks}}", style="bold" if finding.severity in _EXPLAINED else "not bold")
    line.append(f"{first:<{room}}{took:>{_TIME}}".rstrip(), style="dim" if finding.severity is Severity.SKIPPED else "")
    return [line, *map(Text, more)]


def _is_roomy(width: int, checks: int) -> bool:
    """Whether what a row says has place beside its name and its time."""
    return width - 8 - checks - _TIME >= _ROOMY


def _headline(finding: Finding) -> str:
    """Say in the row what was seen where something is wrong (the block below says what it means), else the outcome."""
    if finding.severity in _EXPLAINED and finding.evidence:
        return _told(finding.evidence[0])
    return finding.title


def block(finding: Finding, width: int) -> list[Text]:
    """Explain one finding: what was seen, why, and what to do next."""
    code = Text(finding.code, style=WORDS[finding.severity][1])
    title, indent = plain(finding.title), " " * 2
    together = len(finding.code) + 2 + len(title) <= width
    head = [code.append(f"  {title}", style="bold")] if together else [code, *map(_bold, wrapped(title, width, indent))]
    lines = [*_seen(finding.evidence[1:], width, indent=2)]  # the row shows the first
    for word, said in (("cause", finding.cause), ("next", finding.fix), ("more", finding.link)):
        lines += _hanging(word, said, width, 2)
    return [*head, *(_labelled(line) for line in lines)]


def _bold(line: str) -> Text:
    return Text(line, style="bold")


def verdict(report: Report, exit_code: int, width: int) -> Text:
    """Count everything in one line, with the time and the exit code at its right end."""
    counts = ", ".join(f"{report.count(s)} {word}" for s, word in _COUNTED.items() if report.count(s))
    *above, left = wrapped(f"{counts or 'nothing checked'} in {report.seconds:.2f} s", width)
    right = f"exit {exit_code}"
    if len(left) + 2 + len(right) > width:
        above, left = [*above, left], ""
    return Text("\n".join([*above, f"{left}{right:>{width - len(left)}}"]), style="red" if exit_code else "green")


def _seen(evidence: Iterable[Evidence], width: int, indent: int) -> Iterator[str]:
    for item in evidence:
        yield from _hanging("seen", _told(item), width, indent)


def _told(item: Evidence) -> str:
    return f"{item.label}: {item.value}" if item.label else item.value


def _hanging(word: str, said: str, width: int, indent: int) -> list[str]:
    """Write a labelled text; its own line breaks are kept, so that a command stands on a line of its own."""
    lead, lines = f"{' ' * indent}{word:<{_LABEL - 1}}", []
    for paragraph in said.splitlines():
        lines += wrapped(plain(paragraph), width, lead, " " * len(lead))
        lead = " " * len(lead)
    return lines


def _labelled(line: str) -> Text:
    text = Text(line)
    text.stylize("dim", 0, 2 + _LABEL - 1)
    return text


def _drawn(text: Text, width: int, *, colour: bool) -> str:
    out = StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colour,
        no_color=not colour,
        color_system="standard" if colour else None,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    console.print(text, soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
