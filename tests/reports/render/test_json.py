"""The JSON format: stable keys, complete text, and numbers for scripts."""

from __future__ import annotations

import json
from dataclasses import replace

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
from reports.render import json as as_json


def report(*findings: Finding) -> Report:
    return Report(
        tool="sherpa-probe access", version="1", started="2026-11-20T10:00:00.000Z", seconds=0.48125, findings=findings
    )


FAILED = Finding(
    code="ACCESS-X",
    severity=Severity.FAIL,
    check="key",
    title="no",
    evidence=(Evidence("status", "401"),),
    cause="why",
    fix="do",
    link="more",
    seconds=0.12345678,
    probe="access",
)


def test_the_document_has_exactly_the_promised_keys() -> None:
    document = json.loads(as_json.render(report(FAILED), 1))
    assert list(document) == [
        "schema_version", "tool", "version", "started", "seconds", "verdict", "exit_code",
        "counts", "target", "findings", "timelines", "metrics", "series", "tables",
    ]  # fmt: skip
    assert document["schema_version"] == 1
    assert (document["verdict"], document["exit_code"]) == ("failed", 1)
    assert document["counts"] == {"pass": 0, "info": 0, "warning": 0, "fail": 1, "error": 0, "skipped": 0}


def test_a_finding_is_written_whole() -> None:
    (finding,) = json.loads(as_json.render(report(FAILED), 1))["findings"]
    assert finding == {
        "code": "ACCESS-X", "severity": "fail", "check": "key", "title": "no",
        "evidence": [{"label": "status", "value": "401"}],
        "cause": "why", "fix": "do", "link": "more", "seconds": 0.1235, "probe": "access", "place": None,
    }  # fmt: skip


def test_a_place_is_written_whole() -> None:
    place = Place(path="a/b.ts", line=3, column=5, end_line=3, end_column=9, text="    ping")
    (finding,) = as_json.as_document(report(replace(FAILED, place=place)), 1)["findings"]
    assert finding["place"] == {
        "path": "a/b.ts", "line": 3, "column": 5, "end_line": 3, "end_column": 9, "text": "    ping",
    }  # fmt: skip


def test_a_table_is_written_whole_and_what_is_no_number_is_null() -> None:
    rows = (
        TableRow(name="ready", cells=(0.25, "held")),
        TableRow(name="ready", part="storm", cells=(float("nan"), None)),
    )
    table = Table(name="t", heading="h", columns=("p99_seconds", "outcome"), rows=rows, metric="load")
    (found,) = json.loads(as_json.render(replace(report(), tables=(table,)), 0))["tables"]
    assert found == {
        "name": "t", "heading": "h", "columns": ["p99_seconds", "outcome"], "metric": "load",
        "rows": [
            {"name": "ready", "part": "", "cells": [0.25, "held"]},
            {"name": "ready", "part": "storm", "cells": [None, None]},
        ],
    }  # fmt: skip


def test_a_series_names_its_plot_where_it_shares_one() -> None:
    alone = Series(name="a", unit="ms", timeline="t")
    both = as_json.as_document(replace(report(), series=(alone, replace(alone, plot="p"))), 0)["series"]
    assert ["plot" in one for one in both] == [False, True]


def test_each_exit_code_has_its_word() -> None:
    words = [json.loads(as_json.render(report(), code))["verdict"] for code in (0, 1, 2, 3, 130)]
    assert words == ["passed", "failed", "usage", "could_not_look", "interrupted"]


def test_timelines_metrics_and_series_are_kept() -> None:
    whole = Report(
        tool="t", version="1", started="s", seconds=1, target=(Evidence("model", "m"),),
        timelines=(Timeline("events: text", (Moment(at=0.5, who="server", what="session.created"),)),),
        metrics=(ReportMetric("connect_seconds", 0.2),),
        series=(Series(name="gaps", unit="ms", timeline="events: text", points=((0.5, 20.0),)),),
    )  # fmt: skip
    document = as_json.as_document(whole, 0)
    assert document["target"] == [{"label": "model", "value": "m"}]
    (timeline,) = document["timelines"]
    assert (timeline["name"], timeline["moments"][0]["what"]) == ("events: text", "session.created")
    assert document["series"] == [{"name": "gaps", "unit": "ms", "timeline": "events: text", "points": ((0.5, 20.0),)}]
    assert document["metrics"] == {"connect_seconds": 0.2}


def test_any_text_can_be_written() -> None:
    odd = Finding(code="C", severity=Severity.INFO, check="c", title='a "b"\n\x1b[31m \ud800 \u2026')
    (finding,) = json.loads(as_json.render(report(odd), 0).encode())["findings"]
    assert finding["title"] == 'a "b"\n\x1b[31m ? \u2026'
