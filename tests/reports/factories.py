"""Reports to render: small ones by hand, and any that hypothesis generates, with arbitrary text in every field."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from reports.model import (
    Evidence,
    Finding,
    Moment,
    Place,
    Report,
    ReportMetric,
    Series,
    Severity,
    Table,
    TableRow,
    Timeline,
)

#: What breaks formats, terminals and people.
NASTY = (
    "", " ", "\0", "\x1b[31mred\x1b[0m", "\u202eevil", "\ud800", "\udfff\ud800", "\ufffe\uffff", "]]>", "<!--", "-->",
    "&amp;", "</details></summary>", "<script>alert(1)</script>", "```\n# not a title\n```", "`````", "| a | b |",
    "\\|", "@somebody #12 GH-3", "https://evil.example/?a=b", "www.evil.example", "*a* _b_ [d](https://e) ![f](g)",
    "~~c~~", "::error file=a::b", "\r\n::set-output name=x::y", "a,b:c%0A%25", "%", '"quoted" \\ back\nslash',
    '{x="y"} 1',
    "# TYPE x counter", "東京" * 40, "שלום עולם", "e\u0301" * 50, "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}", "x" * 300,
    "a b " * 200, "\x85\u2028\u2029", "../../etc/passwd", "C:/x/y.ts", "/abs/a b#c?.ts", "\t\ttabs", "1. a", "- b",
    "    c",
)  # fmt: skip

texts = st.one_of(st.sampled_from(NASTY), st.text(st.characters(codec=None), max_size=30))
numbers = st.floats(0, 1e6, allow_nan=False)
places = st.builds(
    Place,
    path=texts,
    line=st.integers(-1, 10**6),
    column=st.integers(-1, 300),
    end_line=st.integers(-1, 10**6),
    end_column=st.integers(-1, 300),
    text=texts,
)
evidence = st.builds(Evidence, texts, texts)
findings = st.builds(
    Finding,
    code=texts,
    severity=st.sampled_from(Severity),
    check=texts,
    title=texts,
    evidence=st.lists(evidence, max_size=2).map(tuple),
    cause=texts,
    fix=texts,
    link=texts,
    seconds=st.none() | numbers,
    probe=st.sampled_from(["", "access", "lint"]) | texts,
    place=st.none() | places,
)
moments = st.builds(
    Moment,
    at=numbers,
    who=st.sampled_from(["client", "server"]) | texts,
    what=texts,
    detail=texts,
    count=st.integers(1, 9),
    until=st.none() | numbers,
)
#: Reports in which every text is a foreign one.
foreign_reports = st.builds(
    Report,
    tool=texts,
    version=texts,
    started=st.just("2026-11-21T10:00:00.000Z") | texts,
    seconds=numbers,
    target=st.lists(evidence, max_size=2).map(tuple),
    findings=st.lists(findings, max_size=5).map(tuple),
    timelines=st.lists(st.builds(Timeline, texts, st.lists(moments, max_size=4).map(tuple)), max_size=2).map(tuple),
    metrics=st.lists(st.builds(ReportMetric, texts, st.floats()), max_size=3, unique_by=lambda metric: metric.name).map(
        tuple
    ),
    series=st.lists(
        st.builds(
            Series,
            name=texts,
            unit=texts,
            timeline=texts,
            points=st.lists(st.tuples(numbers, numbers), max_size=3).map(tuple),
            plot=st.just("") | texts,
        ),
        max_size=2,
    ).map(tuple),
    tables=st.lists(
        st.builds(
            Table,
            name=texts,
            heading=texts,
            columns=st.lists(texts, max_size=3).map(tuple),
            rows=st.lists(
                st.builds(
                    TableRow,
                    name=texts,
                    part=st.just("") | texts,
                    cells=st.lists(st.none() | numbers | texts, max_size=4).map(tuple),
                ),
                max_size=3,
            ).map(tuple),
            metric=st.just("") | texts,
        ),
        max_size=2,
    ).map(tuple),
)
exit_codes = st.sampled_from([0, 1, 2, 3, 130])


def finding(severity: Severity = Severity.FAIL, **more: Any) -> Finding:
    """A finding of `access` with something in every field."""
    whole: dict[str, Any] = {
        "code": "ACCESS-KEY-REFUSED",
        "check": "key",
        "title": "The key was refused",
        "evidence": (Evidence("status", "401"),),
        "cause": "It was revoked.",
        "fix": "make a new key:\nsherpa-probe access",
        "link": "sherpa-probe explain 401",
        "seconds": 0.123,
        "probe": "access",
    }
    return Finding(severity=severity, **{**whole, **more})


def placed(path: str = "src/a.ts", line: int = 3, text: str = "  ping()", **more: Any) -> Finding:
    """A finding of `lint` in a file."""
    place = Place(path=path, line=line, column=3, end_line=line, end_column=7, text=text)
    whole: dict[str, Any] = {"code": "LINT-PING", "check": "ping", "probe": "lint", "seconds": None, "evidence": ()}
    return finding(**{"place": place, **whole, **more})


def report(*found: Finding, **more: Any) -> Report:
    """A report of these findings."""
    whole: dict[str, Any] = {
        "tool": "sherpa-probe access",
        "version": "0.1.0",
        "started": "2026-11-21T10:00:00.000Z",
        "seconds": 0.48,
        "target": (Evidence("base URL", "https://api.openai.com/v1"), Evidence("model", "gpt-realtime-2.1")),
    }
    return Report(**{**whole, "findings": found, **more})
