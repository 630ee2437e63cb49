"""A stored report is read back unchanged, and anything else is refused in one line."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reports.render import json as as_json
from reports.store.reader import MAX_BYTES, InvalidReportError, StoredReport, read_report
from tests.reports.factories import exit_codes, finding, foreign_reports, placed, report

if TYPE_CHECKING:
    from reports.model import Report

SCHEMA = json.loads((Path(as_json.__file__).parents[1] / "data/report.schema.json").read_text())
JUDGE = Draft202012Validator(SCHEMA)
GOOD: dict[str, Any] = {
    "schema_version": 1, "tool": "t", "version": "1", "started": "s", "seconds": 1, "exit_code": 0, "findings": [],
}  # fmt: skip
FINDING = {"code": "x", "severity": "pass", "check": "c", "title": "t"}


def kept(whole: Report) -> Report:
    """The report as JSON can represent it: rounded times, finite numbers only."""
    found = tuple(
        replace(one, seconds=None if one.seconds is None else round(one.seconds, 4)) for one in whole.findings
    )
    return replace(
        whole,
        seconds=round(whole.seconds, 4),
        findings=found,
        metrics=tuple(metric for metric in whole.metrics if isfinite(metric.value)),
    )


@given(foreign_reports, exit_codes)
def test_what_was_written_is_read_back(whole: Report, code: int) -> None:
    text = as_json.render(whole, code)
    JUDGE.validate(json.loads(text))
    found = read_report(text.encode())
    assert found.exit_code == code
    # Half characters became `?` when it was written first; from then on nothing changes any more.
    again = read_report(as_json.render(found.report, code))
    assert again == found
    assert as_json.render(found.report, code) == text


@given(foreign_reports.filter(lambda whole: "\\ud" not in ascii(whole)))
def test_a_report_without_half_characters_comes_back_as_it_was(whole: Report) -> None:
    assert read_report(as_json.render(whole, 0)) == StoredReport(kept(whole), 0)


def test_a_report_of_a_later_version_of_the_same_schema_is_read() -> None:
    document = json.loads(as_json.render(report(finding(), placed()), 1))
    for part in (document, *document["findings"], document["findings"][1]["place"]):
        part["new"] = {"a": 1}
    JUDGE.validate(document)
    assert read_report(json.dumps(document)) == StoredReport(kept(report(finding(), placed())), 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (as_json.render(report(finding()), 1).encode()[:-20], "its end is missing"),
        (b"hello", "it is not JSON: invalid character"),
        (b"{} {}", "it is not JSON: trailing characters"),
        (b"\xff\xfe{\x00}\x00", "it is not UTF-8 text"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "it has no schema_version"),
        (b'{"runs": []}', "it has no schema_version"),
        (b'{"schema_version": 2}', "its schema_version is 2; this version of the toolkit reads 1"),
        (b'{"schema_version": 1, "code": "4000", "meanings": []}', "missing field tool"),
        (json.dumps({**GOOD, "findings": [{}]}).encode(), r"findings\[0\]: missing field code"),
        (json.dumps({**GOOD, "findings": [{**FINDING, "title": 3}]}).encode(), r"findings\[0\].title: expected str"),
        (json.dumps({**GOOD, "findings": [{**FINDING, "severity": "bad"}]}).encode(), r"\.severity: invalid enum"),
        (json.dumps({**GOOD, "metrics": {"a": "fast"}}).encode(), "expected float, got str"),
        (json.dumps({**GOOD, "seconds": 10**400}).encode(), "seconds: number out of range|it is not"),
        (b"x" * (MAX_BYTES + 1), "it is larger than 64 MB"),
    ],
    ids=range(17),
)
def test_what_is_no_report_is_refused_in_one_line(text: bytes, message: str) -> None:
    with pytest.raises(InvalidReportError, match=message) as refused:
        read_report(text)
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value)) < 300


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert read_report(b"\xef\xbb\xbf" + json.dumps(GOOD).encode()).report.tool == "t"


@given(st.binary(max_size=60) | st.text(st.characters(codec=None), max_size=60) | st.builds(json.dumps, st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(GOOD)), inner, max_size=7),
)))  # fmt: skip
def test_nothing_that_is_read_ends_in_another_exception(text: str | bytes) -> None:
    with suppress(InvalidReportError):
        read_report(text)


def test_every_key_of_the_schema_is_described() -> None:
    def undescribed(node: Any, path: str) -> list[str]:
        if isinstance(node, list):
            return [found for inner in node for found in undescribed(inner, path)]
        if not isinstance(node, dict):
            return []
        named = {**node.get("properties", {}), **node.get("$defs", {})}
        missing = [f"{path}.{name}" for name, inner in named.items() if not inner.get("description")]
        return missing + [found for name, inner in node.items() for found in undescribed(inner, f"{path}.{name}")]

    Draft202012Validator.check_schema(SCHEMA)
    assert undescribed(SCHEMA, "$") == []


#: Reports that were kept before there were these are reports all the same.
ADDED_LATER = ("tables",)


def test_the_schema_knows_exactly_the_keys_that_are_written() -> None:
    document = as_json.as_document(report(finding(), placed()), 1)
    assert SCHEMA["required"] == [name for name in document if name not in ADDED_LATER]
    assert list(document) == list(SCHEMA["properties"])
    written = json.loads(as_json.render(report(placed()), 1))["findings"][0]
    for part, name in ((written, "finding"), (written["place"], "place")):
        assert SCHEMA["$defs"][name]["required"] == list(part) == list(SCHEMA["$defs"][name]["properties"])
