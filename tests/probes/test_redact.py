"""Known secrets disappear from everything that is shown, wherever they stand."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from bridge.secret import Secret
from probes.redact import Secrets
from reports.model import Evidence, Finding, Moment, Report, Severity, Timeline

KEY = "sk-proj-0123456789+abcdefghij/w3Qd"


def full_of(secret: str) -> Report:
    finding = Finding(
        code="C", severity=Severity.FAIL, check="c", title=f"t {secret}", evidence=(Evidence("e", f"v {secret}"),),
        cause=f"because {secret}", fix=f"do {secret}", link=f"l {secret}",
    )  # fmt: skip
    moment = Moment(at=0, who="server", what=f"w {secret}", detail=f"d {secret}")
    return Report(
        tool="t", version="1", started="s", seconds=0, target=(Evidence("k", secret),), findings=(finding,),
        timeline=Timeline((moment,)),
    )  # fmt: skip


def test_no_field_of_a_report_keeps_a_known_secret() -> None:
    assert str(full_of(KEY)).count(KEY) == 8
    hidden = Secrets([Secret(KEY)]).hide_in_report(full_of(KEY))
    assert KEY not in str(hidden)
    assert str(hidden).count("sk-…w3Qd") == 8


def test_every_text_field_of_a_finding_is_looked_over() -> None:
    """A new field of text must not be forgotten."""
    values: dict[str, Any] = {f.name: KEY for f in fields(Finding)} | {"evidence": (), "code": "C", "check": "c"}
    hidden = Secrets([Secret(KEY)]).hide_in_finding(Finding(**values))
    kept = {f.name for f in fields(Finding) if getattr(hidden, f.name) == KEY}
    assert kept == {"severity", "seconds"}


def test_a_secret_is_also_found_percent_encoded() -> None:
    secrets = Secrets([Secret(KEY)])
    assert "0123456789" not in secrets.hide("?authorization=Bearer%20sk-proj-0123456789%2Babcdefghij%2Fw3Qd")


def test_a_secret_learnt_later_is_hidden_as_well() -> None:
    secrets = Secrets()
    assert secrets.hide("ek_0123456789abcdefghij") == "ek_0123456789abcdefghij"
    secrets.learn(Secret("ek_0123456789abcdefghij"))
    assert secrets.hide("ek_0123456789abcdefghij") == "…ghij"


def test_a_longer_secret_is_replaced_before_one_inside_it() -> None:
    secrets = Secrets([Secret(KEY), Secret(f"Bearer {KEY}")])
    assert secrets.hide(f"Bearer {KEY}") == "…w3Qd"


def test_a_word_that_somebody_uses_as_a_key_does_not_garble_the_report() -> None:
    assert Secrets([Secret("test"), Secret("")]).hide("a test") == "a test"
