"""Codes consist of the probe and a slug; each method of a row has its severity."""

from __future__ import annotations

from bridge.protocol.refusals.lookup import ERROR_CODES
from probes.runner.findings import CheckRow, evidence_of
from reports.model import Severity
from reports.problem import Problem

ROW = CheckRow("access", "tcp, tls")


def test_codes_carry_the_probe_s_name() -> None:
    assert ROW.passed("t").code == "ACCESS-TCP-TLS-OK"
    assert ROW.passed("t", slug="OTHER").code == "ACCESS-OTHER"
    assert ROW.skipped("why").code == "ACCESS-TCP-TLS-SKIPPED"
    assert ROW.noted("X", "t").code == "ACCESS-X"


def test_each_verb_has_its_severity() -> None:
    made = [
        ROW.passed("t"),
        ROW.noted("S", "t"),
        ROW.skipped("w"),
        ROW.problem(Problem("P-S", "t", "c", "F", severity=Severity.WARNING)),
        ROW.problem(Problem("P-S", "t", "c", "F")),
        ROW.problem(Problem("P-S", "t", "c", "F"), severity=Severity.ERROR),
    ]
    assert [finding.severity for finding in made] == [
        Severity.PASS, Severity.INFO, Severity.SKIPPED, Severity.WARNING, Severity.FAIL, Severity.ERROR,
    ]  # fmt: skip


def test_a_refusal_brings_its_words_unless_the_place_knows_better() -> None:
    refusal = ERROR_CODES["invalid_api_key"]
    finding = ROW.refused(refusal, evidence_of("a", "b"))
    assert (finding.code, finding.title, finding.fix) == ("ACCESS-KEY-REFUSED", refusal.title, refusal.fix)
    assert finding.link == "sherpa-probe explain ACCESS-KEY-REFUSED"
    assert ROW.refused(refusal, fix="other").fix == "other"


def test_a_problem_brings_its_words_too_and_where_to_read_more() -> None:
    known = Problem("P-S", "title", "cause", "Fix")
    finding = ROW.problem(known)
    assert (finding.code, finding.title, finding.cause, finding.fix) == ("ACCESS-S", "title", "cause", "Fix")
    assert finding.link == "sherpa-probe explain ACCESS-S"
    assert ROW.problem(known, title="other").title == "other"


def test_empty_evidence_is_shown_as_a_dash() -> None:
    assert evidence_of("server", "").value == "-"
