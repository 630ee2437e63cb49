"""Each failure of the service leads to exactly one finding."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from bridge.config.resolve import Flags
from bridge.simulator.faults.scenarios import SCENARIOS
from probes.access.probe import access
from probes.runner.command import CommandResult, ProbeOptions, run_command
from probes.targets.opening import service_opener
from reports.model import Finding, Severity
from tests.probes.expected_findings import EXPECTED, NOT_VISIBLE, SLOW

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def run_scenario(folder: Path, scenario: str, **flags: str | float | bool) -> CommandResult:
    options = ProbeOptions(flags=Flags(**flags), simulate=scenario)  # type: ignore[arg-type] # any of its fields
    return run_command(
        "sherpa-probe access",
        access,
        options,
        {"OPENAI_API_KEY": "not looked at"},
        opener=service_opener(),
        folder=folder,
    )


def named(outcome: CommandResult, *severities: Severity) -> list[tuple[str, str]]:
    return [(f.check, f.code) for f in outcome.report.findings if f.severity in severities]


def skipped(outcome: CommandResult) -> list[Finding]:
    return [finding for finding in outcome.report.findings if finding.severity is Severity.SKIPPED]


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in EXPECTED])
def test_each_scenario_leads_to_its_one_finding(
    tmp_path: Path, name: str, assert_is_complete: Callable[[Finding], None]
) -> None:
    expected = EXPECTED[name]
    outcome = run_scenario(tmp_path, name, timeout=expected.timeout)
    failed = [(expected.check, expected.code)] if expected.code else []
    assert named(outcome, Severity.FAIL, Severity.ERROR) == failed
    assert tuple(code for _, code in named(outcome, Severity.WARNING)) == expected.warnings
    assert outcome.exit_code == (1 if failed else 0)
    assert bool(skipped(outcome)) == (bool(failed) and expected.check != "confirm")
    for finding in outcome.report.findings:
        assert_is_complete(finding)
        assert finding.evidence or finding.severity not in (Severity.FAIL, Severity.WARNING)


def test_every_visible_scenario_is_expected() -> None:
    assert set(EXPECTED) | NOT_VISIBLE == set(SCENARIOS)
    assert {name for name, scenario in SCENARIOS.items() if scenario.takes_effect} == NOT_VISIBLE


@pytest.mark.parametrize("name", sorted(NOT_VISIBLE))
def test_a_scenario_that_takes_effect_later_is_noted_beside_the_passed_rows(tmp_path: Path, name: str) -> None:
    outcome = run_scenario(tmp_path, name, timeout=5.0)
    assert (outcome.exit_code, named(outcome, Severity.FAIL, Severity.ERROR)) == (0, [])
    (note,) = [finding for finding in outcome.report.findings if finding.severity is Severity.INFO]
    assert note.code == "ACCESS-SCENARIO-LATER"
    assert note.title == f"this scenario takes effect after the checks of access: {SCENARIOS[name].takes_effect}"


def test_a_scenario_that_recovers_is_noted_to_restart_with_every_run(tmp_path: Path) -> None:
    flaky = {name for name, scenario in SCENARIOS.items() if scenario.recovers}
    assert flaky == {name for name, scenario in SCENARIOS.items() if "then succeeds" in scenario.summary}
    for name in flaky:
        assert named(run_scenario(tmp_path, name), Severity.INFO) == [("scenario", "ACCESS-SCENARIO-AFRESH")]


def failure(outcome: CommandResult) -> Finding:
    (finding,) = [f for f in outcome.report.findings if f.severity is Severity.FAIL]
    return finding


def test_a_refused_configuration_is_reported_once_and_blames_no_field_that_was_not_sent(tmp_path: Path) -> None:
    finding = failure(run_scenario(tmp_path, "update-refused"))
    assert "The probe sent session.type, session.output_modalities, session.instructions" in finding.cause
    assert "beta" not in finding.title + finding.cause + finding.fix
    assert finding.cause.count("dropped") <= 1


def test_a_model_that_is_gone_is_answered_with_the_models_that_are_there(tmp_path: Path) -> None:
    finding = failure(run_scenario(tmp_path, "model-gone"))
    (models,) = [e.value for e in finding.evidence if e.label == "realtime models"]
    assert finding.fix.endswith("sherpa-probe access --model gpt-realtime-2.1-mini")
    assert "gpt-realtime-2.1-mini" in models


@pytest.mark.parametrize("name", ["handshake-403", "handshake-401", "handshake-503", "handshake-500", "no-access"])
def test_no_advice_names_a_header_that_did_not_come(tmp_path: Path, name: str) -> None:
    finding = failure(run_scenario(tmp_path, name))
    came = {e.label for e in finding.evidence}
    for header in ("retry-after", "cf-ray", "x-request-id", "server", "via"):
        assert header in came or f" {header}" not in re.sub("(that|as the) server", "", finding.fix)


def test_a_status_that_is_its_own_code_is_reported_once(tmp_path: Path) -> None:
    finding = failure(run_scenario(tmp_path, "handshake-401", azure=True))
    assert finding.evidence[0].value == "HTTP 401"


def test_a_healthy_service_passes_every_layer_in_order(tmp_path: Path) -> None:
    outcome = run_scenario(tmp_path, "good")
    assert [(f.check, f.severity) for f in outcome.report.findings] == [
        (check, Severity.PASS)
        for check in ("name", "tcp, tls", "key", "model", "mint", "upgrade", "session", "confirm")
    ]
    assert all(f.seconds is not None for f in outcome.report.findings if f.check != "model")


def test_what_stands_behind_the_failure_is_skipped_and_names_it(tmp_path: Path) -> None:
    outcome = run_scenario(tmp_path, "invalid-key")
    assert [f.check for f in skipped(outcome)] == ["model", "mint", "upgrade", "session", "confirm"]
    assert {f.title for f in skipped(outcome)} == {"skipped: no accepted key"}


def test_the_server_s_retry_after_comes_first_in_the_advice(tmp_path: Path) -> None:
    (finding,) = [f for f in run_scenario(tmp_path, "rate-limited").report.findings if f.severity is Severity.FAIL]
    assert finding.fix.startswith("Wait 20 s, as the server asks\n")
    assert ("retry-after", "20") in [(e.label, e.value) for e in finding.evidence]


def test_a_beta_header_of_the_settings_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "sherpa.toml").write_text('[upstream.headers]\nOpenAI-Beta = "realtime=v1"\n')
    (finding,) = [f for f in run_scenario(tmp_path, "good").report.findings if f.severity is Severity.FAIL]
    assert finding.code == "ACCESS-BETA-DISABLED"
    assert "Remove OpenAI-Beta from sherpa.toml, [upstream.headers]" in finding.fix
    assert "OpenAI-Beta: realtime=v1 (from sherpa.toml, [upstream.headers])" in [e.value for e in finding.evidence]


def test_a_beta_header_that_a_proxy_adds_is_not_blamed_on_us(tmp_path: Path) -> None:
    (finding,) = [f for f in run_scenario(tmp_path, "beta-refused").report.findings if f.severity is Severity.FAIL]
    assert "This machine didn't send the header" in finding.cause


def test_asking_for_the_beta_dialect_is_refused_and_says_to_ask_for_ga(tmp_path: Path) -> None:
    (finding,) = [
        f for f in run_scenario(tmp_path, "good", dialect="beta").report.findings if f.severity is Severity.FAIL
    ]
    assert finding.code == "ACCESS-BETA-DISABLED"
    assert "--dialect ga" in finding.fix


def test_a_beta_server_is_a_failure_for_who_insists_on_ga_and_fine_for_who_asks_for_beta(tmp_path: Path) -> None:
    assert ("session", "ACCESS-OTHER-DIALECT") in named(
        run_scenario(tmp_path, "beta-server", dialect="ga"), Severity.FAIL
    )
    outcome = run_scenario(tmp_path, "beta-server", dialect="beta")
    assert (named(outcome, Severity.FAIL, Severity.WARNING), outcome.exit_code) == ([], 0)


@pytest.mark.parametrize(
    ("scenario", "check", "code"),
    [
        ("good", "", ""),
        ("invalid-key", "mint", "ACCESS-KEY-REFUSED"),
        ("handshake-429", "upgrade", "ACCESS-AZURE-CAPACITY"),
        ("handshake-404", "upgrade", "ACCESS-AZURE-NO-DEPLOYMENT"),
    ],
)
def test_azure_is_asked_in_its_own_form_and_its_refusals_are_explained(
    tmp_path: Path, scenario: str, check: str, code: str
) -> None:
    outcome = run_scenario(tmp_path, scenario, azure=True)
    assert named(outcome, Severity.FAIL, Severity.ERROR) == ([(check, code)] if code else [])
    assert [f.check for f in skipped(outcome)][:2] == ["key", "model"]


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("gpt-4o-realtime-preview", "ACCESS-MODEL-RETIRED"),
        ("gpt-live-transcribe", "ACCESS-MODEL-WRONG-SOCKET"),
        ("gpt-live-1", "ACCESS-MODEL-WRONG-SOCKET"),
    ],
)
def test_a_model_that_can_not_work_is_caught_before_the_socket(tmp_path: Path, model: str, code: str) -> None:
    outcome = run_scenario(tmp_path, "good", model=model)
    assert named(outcome, Severity.FAIL) == [("model", code)]
    (finding,) = [f for f in outcome.report.findings if f.severity is Severity.FAIL]
    assert "sherpa-probe access --model gpt-realtime" in finding.fix


def test_a_model_that_is_not_listed_is_a_warning_and_its_session_decides(tmp_path: Path) -> None:
    outcome = run_scenario(tmp_path, "good", model="gpt-realtime-2.l")
    assert named(outcome, Severity.WARNING) == [("model", "ACCESS-MODEL-NOT-LISTED")]
    assert named(outcome, Severity.FAIL) == [("mint", "ACCESS-MODEL-NOT-FOUND")]
    (finding,) = [f for f in outcome.report.findings if f.severity is Severity.FAIL]
    assert "sherpa-probe access --model gpt-realtime-2.1" in finding.fix
