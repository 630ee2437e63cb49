"""Known secrets are removed from every text that is shown."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.runner.redaction import MAX_TEXT_LENGTH, MAX_VALUE_LENGTH, Secrets
from reports.model import Evidence, Finding, Moment, Place, Report, Severity, Timeline
from reports.redaction import Secret

KEY = "sk-proj-0123456789+abcdefghij/w3Qd"


def full_of(secret: str) -> Report:
    finding = Finding(
        code="C", severity=Severity.FAIL, check="c", title=f"t {secret}", evidence=(Evidence("e", f"v {secret}"),),
        cause=f"because {secret}", fix=f"do {secret}", link=f"l {secret}",
        place=Place(path=f"p {secret}", line=1, column=1, end_line=1, end_column=2, text=f"s {secret}"),
    )  # fmt: skip
    moment = Moment(at=0, who="server", what=f"w {secret}", detail=f"d {secret}")
    return Report(
        tool="t", version="1", started="s", seconds=0, target=(Evidence("k", secret),), findings=(finding,),
        timelines=(Timeline("t", (moment,)),),
    )  # fmt: skip


def test_no_field_of_a_report_keeps_a_known_secret() -> None:
    assert str(full_of(KEY)).count(KEY) == 10
    hidden = Secrets([Secret(KEY)]).redact_report(full_of(KEY))
    assert KEY not in str(hidden)
    assert str(hidden).count("sk-…w3Qd") == 10


def test_every_text_field_of_a_finding_is_redacted() -> None:
    """A new field of text must not be forgotten."""
    ours: dict[str, Any] = {"code": "C", "check": "c", "probe": "p", "evidence": (), "place": None}
    values: dict[str, Any] = {f.name: KEY for f in fields(Finding)} | ours
    hidden = Secrets([Secret(KEY)]).redact_finding(Finding(**values))
    kept = {f.name for f in fields(Finding) if getattr(hidden, f.name) == KEY}
    assert kept == {"severity", "seconds"}


def test_a_secret_is_also_found_percent_encoded() -> None:
    secrets = Secrets([Secret(KEY)])
    assert "0123456789" not in secrets.redact("?authorization=Bearer%20sk-proj-0123456789%2Babcdefghij%2Fw3Qd")


def test_a_secret_learnt_later_is_hidden_as_well() -> None:
    secrets = Secrets()
    assert secrets.redact("it is 0123456789abcdefghij") == "it is 0123456789abcdefghij"
    secrets.add(Secret("0123456789abcdefghij"))
    assert secrets.redact("it is 0123456789abcdefghij") == "it is …ghij"


def test_a_longer_secret_is_replaced_before_one_inside_it() -> None:
    secrets = Secrets([Secret(KEY), Secret(f"Bearer {KEY}")])
    assert secrets.redact(f"Bearer {KEY}") == "…w3Qd"


def test_a_short_key_does_not_garble_the_report() -> None:
    assert Secrets([Secret("test"), Secret("")]).redact("a test") == "a test"


AZURE_KEY = "9f86d081884c7d659a2feaa0c55ad015"


@pytest.mark.parametrize("form", [str.upper, str.lower, str.swapcase])
def test_a_secret_is_found_in_any_case(form: Any) -> None:
    assert Secrets([Secret(AZURE_KEY)]).redact(f"key {form(AZURE_KEY)}!") == "key …d015!"


@pytest.mark.parametrize("escaped", [r"\/w3Qd", r"\u002fw3Qd", r"\x2Fw3Qd", "%2fw3Qd"])
def test_a_secret_is_found_escaped(escaped: str) -> None:
    text = Secrets([Secret("pass/0123+word/w3Qd")]).redact(f"x pass/0123+word{escaped} y")
    assert text == "x … y"


@pytest.mark.parametrize("length", [12, 13, 20, 27])
@pytest.mark.parametrize("behind", ["", "…", ".", " and more", '"'])
def test_a_secret_that_was_cut_by_whoever_repeats_it_is_hidden_too(length: int, behind: str) -> None:
    assert Secrets([Secret(AZURE_KEY)]).redact(f"no {AZURE_KEY[:length]}{behind}") == f"no …d015{behind}"


def test_two_in_a_row_are_both_hidden() -> None:
    assert Secrets([Secret(AZURE_KEY)]).redact(AZURE_KEY * 2) == "…d015…d015"


@given(before=st.text(max_size=30), at=st.integers(0, 20), length=st.integers(12, 32), behind=st.text(max_size=30))
def test_no_piece_of_twelve_characters_survives(before: str, at: int, length: int, behind: str) -> None:
    hidden = Secrets([Secret(AZURE_KEY)]).redact(before + AZURE_KEY[at : at + length] + behind)
    assert not any(AZURE_KEY[i : i + 12] in hidden for i in range(len(AZURE_KEY) - 11))


@pytest.mark.parametrize("limit", [20, 60, 200, 300])
def test_a_text_is_cut_only_after_it_was_redacted(limit: int) -> None:
    for before in range(limit - 40, limit + 2):
        shown = Secrets([Secret(AZURE_KEY)]).excerpt("x" * before + AZURE_KEY + "y" * 400, limit)
        assert len(shown) == limit
        assert AZURE_KEY[:4] not in shown


def test_no_text_of_a_report_is_endless() -> None:
    hidden = Secrets().redact_report(full_of("x" * 500_000))
    assert len(hidden.findings[0].title) == len(hidden.findings[0].evidence[0].value) == MAX_VALUE_LENGTH
    assert len(hidden.findings[0].fix) == MAX_TEXT_LENGTH
