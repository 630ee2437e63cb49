from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from probes.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., "Done"]

HEADER = "h = {'OpenAI-Beta': 'realtime=v1'}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text(HEADER)
    return tmp_path


@dataclass(frozen=True)
class Done:
    """What a run printed, and its exit code."""

    stdout: str
    output: str
    exit_code: int


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(*words: str, stdin: str = "") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as caught:
            main(["lint", *words])
        out, err = capfd.readouterr()
        return Done(out, out + err, int(caught.value.code or 0))

    return run


@pytest.mark.usefixtures("project")
def test_the_concise_format_has_a_line_for_each_finding(run: Run) -> None:
    done = run("a.py", "--output-format", "concise")
    assert done.stdout.splitlines()[0] == "a.py:1:6: fail LINT-BETA-HEADER A header requests the beta dialect"
    assert done.exit_code == 1


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", ["sarif", "gitlab", "json"])
def test_a_format_for_tools_is_one_document(name: str, run: Run) -> None:
    assert "LINT-BETA-HEADER" in json.dumps(json.loads(run("a.py", "--output-format", name).stdout))


@pytest.mark.usefixtures("project")
def test_sarif_keeps_to_its_schema(run: Run) -> None:
    schema = json.loads((Path(__file__).parents[2] / "data/sarif-2.1.0.json").read_text())
    document = json.loads(run("a.py", "--output-format", "sarif").stdout)
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(document)


@pytest.mark.usefixtures("project")
def test_gitlab_keeps_apart_what_occurs_twice(run: Run) -> None:
    issues = json.loads(run("a.py", "--output-format", "gitlab").stdout)
    assert [(one["check_name"], one["location"]["lines"]["begin"]) for one in issues] == [("LINT-BETA-HEADER", 1)]


@pytest.mark.usefixtures("project")
def test_the_name_that_is_printed_can_be_ignored(run: Run) -> None:
    assert run("a.py", "--ignore", "LINT-BETA-HEADER").exit_code == 0


@pytest.mark.usefixtures("project")
def test_statistics_count_the_findings_of_each_rule(run: Run) -> None:
    assert "1  fail     beta-header" in run("a.py", "--statistics").stdout


def test_standard_input_is_checked_under_its_name(project: Path, run: Run) -> None:
    (project / "sherpa.toml").write_text('[lint]\nper-file-ignores = {"tests/*" = ["beta-header"]}\n')
    done = run("-", "--stdin-filename", "src/b.py", "--output-format", "concise", stdin=HEADER)
    assert done.stdout.startswith("src/b.py:1:6: fail LINT-BETA-HEADER")


def test_a_diff_is_shown_and_nothing_is_written(project: Path, run: Run) -> None:
    done = run("a.py", "--diff")
    assert "-h = {'OpenAI-Beta': 'realtime=v1'}\n+h = {}\n" in done.stdout
    assert done.exit_code == 1
    assert (project / "a.py").read_text() == HEADER
    assert run("a.py", "--fix").exit_code == 0
    assert run("a.py", "--diff").exit_code == 0


def test_a_known_finding_is_not_reported_until_there_is_one_more(project: Path, run: Run) -> None:
    assert run("a.py", "--write-baseline", "known.json").exit_code == 1
    (project / "a.py").write_text("import os\n" + HEADER)
    assert run("a.py", "--baseline", "known.json").exit_code == 0
    (project / "a.py").write_text(HEADER + HEADER)
    assert run("a.py", "--baseline", "known.json").exit_code == 1


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a.py", "--unsafe-fixes"], "add --fix"),
        (["a.py", "--baseline", "nowhere.json"], "--write-baseline"),
        (["a.py", "--baseline", "a.py"], "is not a baseline"),
    ],
)
def test_wrong_usage_says_what_to_type(words: list[str], says: str, run: Run) -> None:
    done = run(*words)
    assert done.exit_code == 2
    assert says in done.output


def test_the_severity_of_a_rule_can_be_set(project: Path, run: Run) -> None:
    (project / "sherpa.toml").write_text('[lint]\nseverity = {beta-header = "warning"}\n')
    assert run("a.py").exit_code == 0
    assert run("a.py", "--strict").exit_code == 1
