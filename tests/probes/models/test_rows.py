"""The rows for a list of models: usable ones by kind, retiring ones, and required ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.access.model_judge import ModelCandidate
from probes.explain import explain
from probes.models.rows import ModelRequirements, model_rows, skipped_rows
from reports.model import Finding, ReportMetric, Severity

DAY = date(2026, 11, 10)
LIST: dict[str, date | None] = {
    "gpt-realtime-2.1": None,
    "gpt-realtime": date(2026, 12, 1),
    "gpt-4o-realtime-preview": None,
    "gpt-live-transcribe": None,
    "gpt-5.2": None,
}
ASKED = ModelCandidate(name="gpt-realtime-2.1", today=DAY, listed=LIST)


def findings_of(asked: ModelCandidate = ASKED, *require: str, warn_days: int = 60) -> list[Finding]:
    return [one for one in model_rows(asked, ModelRequirements(require, warn_days)) if isinstance(one, Finding)]


def row(findings: list[Finding], check: str) -> Finding:
    return next(finding for finding in findings if finding.check == check)


def required(name: str, **more: Any) -> Finding:
    return row(findings_of(replace(ASKED, **more), name), "require")


def test_retired_models_are_not_among_the_usable_ones_though_they_are_listed() -> None:
    assert row(findings_of(), "realtime").title == "2 usable: gpt-realtime-2.1, gpt-realtime"


def test_a_retiring_model_is_noted_with_its_date_and_replacement_without_a_warning() -> None:
    going = row(findings_of(), "retiring")
    assert going.severity is Severity.INFO
    listed = "retired but still listed: gpt-4o-realtime-preview; within 60 days, first on 2026-12-01: gpt-realtime"
    assert going.title == listed
    assert [evidence.value for evidence in going.evidence] == [
        "gpt-4o-realtime-preview: retired 2026-05-07; replaced by gpt-realtime-2.1",
        "gpt-realtime: retires 2026-12-01 (in 21 days); replaced by gpt-realtime-2.1",
    ]


@pytest.mark.parametrize(("days", "named"), [(0, False), (20, False), (21, True), (60, True)])
def test_the_days_of_warning_are_those_that_were_asked_for(days: int, named: bool) -> None:
    assert (
        "within" in row(findings_of(warn_days=days), "retiring").title
        and "gpt-realtime" in str(findings_of(warn_days=days))
    ) or (not named)
    model = row(findings_of(replace(ASKED, name="gpt-realtime"), warn_days=days), "model")
    assert (model.severity is Severity.WARNING) == named


def test_a_list_without_any_that_goes_passes() -> None:
    quiet = row(findings_of(replace(ASKED, listed={"gpt-realtime-2.1": None})), "retiring")
    assert (quiet.severity, quiet.title) == (Severity.PASS, "none within 60 days")


def test_without_a_transcription_model_a_session_still_talks() -> None:
    none = row(findings_of(replace(ASKED, listed={"gpt-realtime-2.1": None})), "transcription")
    assert (none.severity, none.code) == (Severity.INFO, "MODELS-NO-TRANSCRIPTION-MODELS")


@pytest.mark.parametrize(
    ("name", "severity", "code"),
    [
        ("gpt-live-transcribe", Severity.PASS, "MODELS-REQUIRE-OK"),
        ("gpt-realtime", Severity.WARNING, "MODELS-MODEL-RETIRES-SOON"),
        ("gpt-4o-realtime-preview", Severity.FAIL, "MODELS-MODEL-RETIRED"),
        ("gpt-realtime-1.5", Severity.FAIL, "MODELS-MODEL-NOT-LISTED"),
        ("gpt-realtme", Severity.FAIL, "MODELS-MODEL-NOT-LISTED"),
        ("gpt-5.2", Severity.FAIL, "MODELS-MODEL-WRONG-SOCKET"),
        ("gpt-live-1", Severity.FAIL, "MODELS-MODEL-WRONG-SOCKET"),
        ("gpt-audio-1.5", Severity.FAIL, "MODELS-MODEL-WRONG-SOCKET"),
    ],
)
def test_a_required_model_must_be_there_and_belong_into_a_session(name: str, severity: Severity, code: str) -> None:
    finding = required(name)
    assert (finding.severity, finding.code) == (severity, code)
    assert name in (finding.evidence[0].value if finding.evidence else finding.title) or name in finding.title


def test_a_name_that_is_known_and_not_listed_is_no_misspelling() -> None:
    assert required("gpt-realtime-1.5").cause.startswith("The name is correct")
    assert required("gpt-realtme").fix == "sherpa-probe models --require gpt-realtime"


def test_a_required_model_is_not_reported_twice_if_it_is_the_configured_one() -> None:
    findings = findings_of(replace(ASKED, name="gpt-realtime-1.5"), "gpt-realtime-1.5")
    assert [f.check for f in findings if f.severity is Severity.FAIL] == ["model"]


def test_a_server_with_names_of_its_own_is_believed() -> None:
    own = replace(ASKED, name="my-voice", listed={"my-voice": None}, public_api=False)
    findings = findings_of(own, "my-voice", "another")
    assert row(findings, "realtime").code == "MODELS-NO-NAMES-KNOWN"
    assert [f.severity for f in findings if f.check == "require"] == [Severity.PASS, Severity.FAIL]


def test_an_unknown_result_is_no_pass() -> None:
    findings = findings_of(replace(ASKED, listed=None, no_list_reason="this server lists no models"), "my-voice")
    assert row(findings, "realtime").severity is Severity.SKIPPED
    assert row(findings, "require").code == "MODELS-REQUIRED-UNTOLD"


def test_the_configured_model_s_remaining_days_are_measured() -> None:
    measured = [
        one
        for one in model_rows(replace(ASKED, name="gpt-realtime"), ModelRequirements())
        if isinstance(one, ReportMetric)
    ]
    assert {one.name: one.value for one in measured} == {
        "models_realtime_total": 2,
        "models_transcription_total": 1,
        "models_translation_total": 0,
        "models_live_total": 0,
        "models_configured_left_days": 21,
    }


def test_a_list_that_is_far_too_long_stays_readable() -> None:
    listed = {f"x-realtime-{number}-{'y' * 300}": None for number in range(5_000)}
    realtime = row(findings_of(replace(ASKED, listed={**LIST, **listed})), "realtime")
    assert len(realtime.evidence) == 41
    assert len(realtime.title) < 400


def test_what_was_found_is_explained() -> None:
    findings = [
        *findings_of(ASKED, "a", "gpt-5.2"),
        *findings_of(replace(ASKED, listed=None), "a"),
        *findings_of(replace(ASKED, listed={})),
    ]
    for finding in findings:
        if finding.severity not in (Severity.PASS, Severity.SKIPPED):
            assert explain(finding.code), finding.code


@given(
    st.dictionaries(st.text(max_size=30), st.none() | st.dates(), max_size=8),
    st.text(max_size=30),
    st.lists(st.text(max_size=30), max_size=3),
    st.booleans(),
)
def test_no_list_and_no_name_breaks_it(
    listed: dict[str, date | None], name: str, require: list[str], public: bool
) -> None:
    asked = replace(ASKED, name=name, listed=listed, public_api=public)
    assert {finding.probe for finding in findings_of(asked, *require)} == {"models"}


def test_behind_a_refused_key_every_row_waits_for_it() -> None:
    waiting = [one for one in skipped_rows(ModelRequirements(("x",))) if isinstance(one, Finding)]
    assert [finding.check for finding in waiting] == ["realtime", "transcription", "model", "require"]
    assert {finding.evidence[0].value for finding in waiting} == {"key"}
