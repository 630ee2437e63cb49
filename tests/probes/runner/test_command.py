"""What a command does around its probe: scenarios, report files, exit codes; wrong options send nothing."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import pytest

from bridge.config.resolve import ConfigError, Flags
from probes.access.probe import access
from probes.problems.tool import USAGE_ERROR
from probes.runner.command import (
    CommandResult,
    ProbeOptions,
    UsageError,
    parse_report,
    reserve_reports,
    run_command,
    usage_error_result,
)
from probes.runner.findings import CheckRow
from probes.targets.opening import service_opener
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from reports.model import Finding

ENVIRONMENT = {"OPENAI_API_KEY": "sk-proj-0123456789abcdefghijKLMN"}


async def untouched(_: Any) -> AsyncGenerator[Finding, None]:
    raise AssertionError("the probe ran although the options are wrong")
    yield  # makes it a generator


def command(folder: Path, probe: Any = untouched, **options: Any) -> CommandResult:
    return run_command(
        "sherpa-probe access", probe, ProbeOptions(**options), ENVIRONMENT, opener=service_opener(), folder=folder
    )


def test_strict_makes_warnings_fail(tmp_path: Path) -> None:
    assert command(tmp_path, access, simulate="mint-404").exit_code == 0
    assert command(tmp_path, access, simulate="mint-404", strict=True).exit_code == 1


def test_the_report_file_holds_what_is_shown_with_the_same_exit_code(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    outcome = command(tmp_path, access, simulate="invalid-key", reports=(f"json={path}",))
    document = json.loads(path.read_text())
    assert document["exit_code"] == outcome.exit_code == 1
    assert [f["code"] for f in document["findings"]] == [f.code for f in outcome.report.findings]
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("json", "is not FORMAT=PATH"),
        ("json=", "is not FORMAT=PATH"),
        ("jsn=x", "did you mean json"),
        ("papyrus=x", "use one of: json"),
    ],
)
def test_a_report_that_can_not_be_made_is_wrong_usage(tmp_path: Path, wanted: str, words: str) -> None:
    with pytest.raises(UsageError, match="--report") as caught:
        command(tmp_path, reports=(wanted,))
    assert words in str(caught.value)


def test_a_report_that_can_not_be_written_is_reported_before_the_probe_runs(tmp_path: Path) -> None:
    good = tmp_path / "good.json"
    with pytest.raises(UsageError, match="no such file or directory"):
        command(tmp_path, reports=(f"json={good}", f"json={tmp_path}/no/bad.json"))
    assert list(tmp_path.iterdir()) == []


def test_the_same_report_twice_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="given twice"):
        reserve_reports((f"json={tmp_path}/a", f"json={tmp_path}/../{tmp_path.name}/a"))
    assert list(tmp_path.iterdir()) == []


def test_a_report_may_go_to_stdout_unless_the_result_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = command(tmp_path, access, simulate="invalid-key", reports=("json=-",))
    assert json.loads(capsys.readouterr().out)["exit_code"] == outcome.exit_code == 1
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match="exclude each other"):
        command(tmp_path, reports=("junit=-",), json=True)
    with pytest.raises(UsageError, match="given twice"):
        reserve_reports(("json=-", "html=-"))


def test_a_path_may_hold_an_equals_sign() -> None:
    assert parse_report("json=a=b.json") == ("json", Path("a=b.json"))


def test_an_unknown_scenario_names_near_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown scenario 'invalid-kee'; did you mean invalid-key"):
        command(tmp_path, simulate="invalid-kee")


def test_wrong_configuration_is_reported_before_the_probe_runs_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--base-url"):
        command(tmp_path, flags=Flags(base_url="htp://x"), reports=(f"json={tmp_path}/a.json",))
    assert list(tmp_path.iterdir()) == []


def test_the_simulator_needs_no_key_no_address_and_no_proxy(tmp_path: Path) -> None:
    environment = {"HTTP_PROXY": "http://127.0.0.1:9", "OPENAI_BASE_URL": "https://nowhere.invalid/v1"}
    outcome = run_command(
        "t", access, ProbeOptions(simulate="good"), environment, opener=service_opener(), folder=tmp_path
    )
    assert outcome.exit_code == 0
    assert outcome.report.target[-1].value == "simulated: good"


def test_wrong_usage_is_a_report_of_its_own() -> None:
    outcome = usage_error_result("t", USAGE_ERROR, "no", "t --help")
    (finding,) = outcome.report.findings
    assert (outcome.exit_code, finding.title, finding.code) == (2, "no", "USAGE-ERROR")


async def passing_and_taking_the_folder_away(folder: Path, _: Any) -> AsyncGenerator[Finding, None]:
    yield CheckRow("access", "key").passed("fine")
    rmtree(folder)


@pytest.mark.parametrize("simulate", ["good", "invalid-key"])
def test_a_report_that_is_lost_at_the_end_is_a_finding_and_exit_code_2(tmp_path: Path, simulate: str) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    probe = partial(passing_and_taking_the_folder_away, folder)
    kept = tmp_path / "kept.json"
    reports = (f"json={folder}/lost.json", f"json={kept}")
    outcome = command(tmp_path, probe, simulate=simulate, reports=reports)
    assert outcome.exit_code == 2
    lost = outcome.report.findings[-1]
    assert (lost.code, lost.severity) == ("PROBE-REPORT-LOST", Severity.ERROR)
    assert "lost.json: no such file" in lost.evidence[0].value
    assert json.loads(kept.read_text())["exit_code"] == 2
