"""`smoke` against the simulator: a healthy service passes without a warning, and each failure is reported once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from bridge.config.resolve import Flags
from probes.runner.command import CommandResult, ProbeOptions, run_command
from probes.smoke.probe import smoke
from probes.targets.opening import ServiceAndBridge, service_and_bridge_opener, service_opener
from reports.model import Severity
from tests.probes.expected_findings import EXPECTED, ExpectedFinding

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from probes.runner.findings import ProbeItem

FAILING = {name: expected for name, expected in EXPECTED.items() if expected.code}


def run_smoke(folder: Path, scenario: str, *, timeout: float = 5.0, require: tuple[str, ...] = ()) -> CommandResult:
    options = ProbeOptions(flags=Flags(timeout=timeout), simulate=scenario)
    return run_command(
        "sherpa-probe smoke", partial(smoke, require=require), options, {}, opener=service_opener(), folder=folder
    )


def codes(outcome: CommandResult, *severities: Severity) -> list[tuple[str, str]]:
    return [(finding.probe, finding.code) for finding in outcome.report.findings if finding.severity in severities]


def test_a_healthy_service_passes_every_probe_without_a_warning(tmp_path: Path) -> None:
    outcome = run_smoke(tmp_path, "good")
    assert codes(outcome, Severity.FAIL, Severity.ERROR, Severity.WARNING) == []
    assert codes(outcome, Severity.SKIPPED) == [("bridge", "BRIDGE-ALL-NOT-CHECKED")]
    assert "sherpa-probe smoke --bridge URL" in outcome.report.findings[-1].title
    assert {finding.probe for finding in outcome.report.findings} == {"access", "models", "events", "bridge"}
    assert outcome.exit_code == 0


@pytest.mark.parametrize("name", FAILING)
def test_each_failure_is_reported_by_access_alone_and_the_rest_is_skipped(tmp_path: Path, name: str) -> None:
    expected: ExpectedFinding = FAILING[name]
    outcome = run_smoke(tmp_path, name, timeout=expected.timeout)
    assert codes(outcome, Severity.FAIL, Severity.ERROR) == [("access", expected.code)]
    assert codes(outcome, Severity.WARNING) == [("access", code) for code in expected.warnings]
    skipped = {finding.probe: finding for finding in outcome.report.findings if finding.check == "all"}
    assert skipped["events"].title == f"skipped: access failed at {expected.check}"
    assert ("models" in skipped) == (expected.check in ("name", "tcp, tls", "key", "model"))
    assert outcome.exit_code == 1


@pytest.mark.parametrize("name", ["mint-404", "beta-server"])
def test_a_warning_of_access_is_reported_once_and_nothing_fails(tmp_path: Path, name: str) -> None:
    outcome = run_smoke(tmp_path, name)
    assert codes(outcome, Severity.WARNING) == [("access", code) for code in EXPECTED[name].warnings]
    assert codes(outcome, Severity.FAIL, Severity.ERROR) == []


def test_the_bridge_is_checked_even_if_the_service_fails(tmp_path: Path) -> None:
    def both(at: ServiceAndBridge) -> AsyncGenerator[ProbeItem, None]:
        return smoke(at.target, bridge=at.bridge)

    outcome = run_command(
        "sherpa-probe smoke",
        both,
        ProbeOptions(simulate="invalid-key"),
        {},
        opener=service_and_bridge_opener("http://127.0.0.1:9", None),
        folder=tmp_path,
    )
    assert sorted(codes(outcome, Severity.FAIL, Severity.ERROR)) == [
        ("access", "ACCESS-KEY-REFUSED"),
        ("bridge", "BRIDGE-NOTHING-LISTENING"),
    ]
    assert outcome.report.target[-1].value.startswith("ws://127.0.0.1:9/")


def test_a_required_model_that_is_missing_fails_beside_a_good_session(tmp_path: Path) -> None:
    outcome = run_smoke(tmp_path, "good", require=("gpt-realtime-2.1-mni",))
    assert codes(outcome, Severity.FAIL) == [("models", "MODELS-MODEL-NOT-LISTED")]
