"""The files for pipelines: valid by their schemas, and what they run runs."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from probes.cli import cli

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def load(name: str) -> Any:
    return YAML(typ="safe").load(ROOT / name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-actions", "action.yml"),
        ("vendor.github-workflows", "docs/ci/deploy-gate.yml"),
        ("vendor.github-workflows", ".github/workflows/ci.yml"),
        ("vendor.github-workflows", ".github/workflows/nightly.yml"),
        ("vendor.github-workflows", ".github/workflows/clients.yml"),
        ("vendor.github-workflows", ".github/workflows/docs.yml"),
        ("vendor.github-workflows", ".github/workflows/platforms.yml"),
        ("vendor.github-workflows", ".github/workflows/release.yml"),
        ("vendor.dependabot", ".github/dependabot.yml"),
        ("vendor.compose-spec", "deploy/compose/compose.yaml"),
        ("vendor.gitlab-ci", "docs/ci/gitlab-ci.yml"),
    ],
)
def test_a_file_keeps_its_schema(schema: str, file: str) -> None:
    words = [str(BIN / "check-jsonschema"), "--builtin-schema", schema, str(ROOT / file)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "ok -- validation done\n")


def run_action(folder: Path, **inputs: str) -> tuple[int, dict[str, str], str, str]:
    """Run the action's own script as GitHub does: its inputs are variables."""
    step = next(step for step in load("action.yml")["runs"]["steps"] if step["id"] == "run")
    names = {"COMMAND": "access", "ARGUMENTS": "", "BASE_URL": "", "BRIDGE": "", "MODEL": "", "STRICT": "false"}
    environment = {
        "PATH": os.environ["PATH"],
        "SHERPA": str(BIN / "sherpa-probe"),
        "REPORTS": "reports",
        "OPENAI_API_KEY": "",
        "SHERPA_CLIENT_TOKEN": "",
        "GITHUB_OUTPUT": "output",
        "GITHUB_STEP_SUMMARY": "summary",
        **names,
        **inputs,
    }
    assert set(step["env"]) <= set(environment)
    (folder / "summary").touch()
    done = subprocess.run(
        ["bash", "-c", step["run"]],  # noqa: S607 - the shell that GitHub's runners use
        cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    output = folder / "output"
    outputs = dict(line.split("=", 1) for line in output.read_text().splitlines()) if output.exists() else {}
    return done.returncode, outputs, (folder / "summary").read_text(), done.stdout + done.stderr


@pytest.mark.slow
def test_the_action_passes_and_keeps_every_report(tmp_path: Path) -> None:
    code, outputs, summary, _ = run_action(tmp_path, ARGUMENTS="--simulate")
    assert (code, outputs) == (0, {"verdict": "passed", "exit-code": "0"})
    assert "sherpa-probe access" in summary
    kept = {path.name for path in (tmp_path / "reports").iterdir()}
    assert kept == {"report.json", "report.html", "report.xml", "report.sarif", "report.md", "annotations.txt"}


@pytest.mark.slow
def test_the_action_fails_with_the_cause_in_summary_and_annotations(tmp_path: Path) -> None:
    code, outputs, summary, log = run_action(tmp_path, ARGUMENTS="--simulate\nno-quota", STRICT="true")
    assert (code, outputs) == (1, {"verdict": "failed", "exit-code": "1"})
    assert "ACCESS-NO-QUOTA" in summary
    assert "::error" in log
    assert json.loads((tmp_path / "reports/report.json").read_text())["verdict"] == "failed"


@pytest.mark.slow
def test_what_an_input_holds_is_never_run(tmp_path: Path) -> None:
    hostile = '$(touch ran) `touch ran` "; touch ran; "'
    code, outputs, _, _ = run_action(tmp_path, ARGUMENTS=f"--simulate\n--model\n{hostile}", BASE_URL="")
    assert not (tmp_path / "ran").exists()
    assert (code, outputs["verdict"]) == (1, "failed")


@pytest.mark.slow
def test_wrong_usage_ends_the_action_with_2(tmp_path: Path) -> None:
    code, outputs, _, log = run_action(tmp_path, ARGUMENTS="--simulate=nothing-of-it")
    assert (code, outputs["verdict"]) == (2, "usage")
    assert "unknown scenario" in " ".join(log.split())


def commands() -> list[list[str]]:
    gitlab, cron = load("docs/ci/gitlab-ci.yml"), load("docs/ci/cronjob.yaml")
    pod = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    lines = [line for job in gitlab.values() if isinstance(job, dict) for line in job.get("script", ())]
    hooks = [f"{hook['entry']} a.ts" for hook in load(".pre-commit-hooks.yaml")]
    return [*map(shlex.split, (*lines, *hooks)), pod["containers"][0]["command"]]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_in_the_files_exists_with_its_options(words: list[str]) -> None:
    tool, name, *arguments = words
    assert tool == "sherpa-probe"
    context = cli.commands[name].make_context(name, list(arguments))
    assert context.params["json_"] is False


def component() -> tuple[dict[str, Any], dict[str, Any]]:
    inputs, jobs = YAML(typ="safe").load_all(ROOT / "docs/ci/gitlab-component.yml")
    return inputs["spec"]["inputs"], jobs


def test_the_gitlab_component_runs_each_of_its_commands_with_each_of_its_reports() -> None:
    inputs, jobs = component()
    (job,) = jobs.values()
    (line,) = job["script"]
    for name in inputs["command"]["options"]:
        words = line.replace("$[[ inputs.command ]]", name).replace("$[[ inputs.arguments ]]", "--verbose")
        tool, command, *arguments = shlex.split(words)
        assert tool == "sherpa-probe"
        arguments += ["src"] if command == "lint" else ["--reference"] if command == "conformance" else []
        arguments += ["--url", "ws://127.0.0.1:9"] if command == "bridge" else []
        assert cli.commands[command].make_context(command, arguments).params["verbose"] is True
    kept = {*job["artifacts"]["reports"].values(), *job["artifacts"]["paths"]}
    assert all(file in line for file in kept)


@pytest.mark.slow
def test_the_problem_matcher_reads_what_lint_prints(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text(
        'const s = new WebSocket("wss://api.openai.com/v1/realtime?model=gpt-4o-realtime-preview", '
        '{ headers: { "OpenAI-Beta": "realtime=v1" } });\n'
    )
    done = subprocess.run(
        [str(BIN / "sherpa-probe"), "lint", "a.js", "--output-format", "concise"],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    matchers = json.loads((ROOT / "docs/ci/problem-matcher.json").read_text())["problemMatcher"]
    failures, warnings = (re.compile(matcher["pattern"][0]["regexp"]) for matcher in matchers)
    found = [match.groups() for line in done.stdout.splitlines() if (match := failures.match(line))]
    assert ("a.js", "1", "LINT-BETA-HEADER") in [(file, line, code) for file, line, _, code, _ in found]
    assert warnings.match("src/a.py:3:7: warning LINT-MODEL-RETIRES A model retires soon")
    assert not warnings.match("failed: 2 failed")


def test_a_release_is_published_only_by_jobs_that_say_so() -> None:
    jobs = load(".github/workflows/release.yml")["jobs"]
    assert load(".github/workflows/release.yml")["permissions"] == {"contents": "read"}
    publishing = {name for name, job in jobs.items() if "write" in job.get("permissions", {}).values()}
    assert publishing == set(jobs)
    assert jobs["pypi"]["permissions"] == {"id-token": "write"}
    assert set(jobs["release"]["needs"]) == {"pypi", "image"}


def test_the_gate_lets_nothing_pass_that_failed() -> None:
    jobs = load("docs/ci/deploy-gate.yml")["jobs"]
    assert set(jobs["deploy"]["needs"]) == {"lint", "smoke"}
    inputs = set(load("action.yml")["inputs"])
    used = [step["with"] for job in jobs.values() for step in job["steps"] if "sherpa" in step.get("uses", "")]
    assert used
    assert all(set(given) <= inputs for given in used)
