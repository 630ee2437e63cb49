"""`sherpa-report` for users and scripts: exit codes, plain errors, one JSON document with --json."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from probes.problem_catalogue import PROBLEMS
from reports.cli import cli, main
from reports.model import Moment, ReportMetric, Severity, Timeline
from reports.render import json as as_json
from reports.render.registry import FORMATS
from reports.usage_errors import CRASHED, INTERRUPTED, NOT_A_REPORT, USAGE, crash_failure, interrupted_failure
from tests.reports.factories import finding, placed, report

if TYPE_CHECKING:
    from collections.abc import Callable

    from reports.model import Report

    Command = Callable[..., tuple[int, str, str]]

ROOT = Path(__file__).parents[2]
PROGRAM = [
    sys.executable,
    "-c",
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from reports.cli import main; main()",
]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(words)
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def keep(name: str, whole: Report, code: int = 0) -> None:
    Path(name).write_text(as_json.render(whole, code))


def start(*words: str, **options: Any) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen([*PROGRAM, str(ROOT), *words], **pipes)


def test_a_stored_report_is_shown_as_when_it_was_made(command: Command) -> None:
    keep("a.json", report(finding(), finding(Severity.PASS, check="tls")), 1)
    code, out, err = command("render", "a.json")
    assert (code, err) == (0, "")
    assert "  FAIL  key  status: 401" in out
    assert out.endswith("exit 1\n")


@pytest.mark.parametrize("name", FORMATS)
def test_a_stored_report_can_be_rendered_in_every_format(command: Command, name: str) -> None:
    keep("a.json", report(finding(), placed()), 1)
    code, out, err = command("render", "a.json", "--format", name)
    assert (code, err) == (0, "")
    assert "LINT-PING" in out
    assert command("render", "a.json", "-f", name, "-o", "out") == (0, "", "")
    assert Path("out").read_text() == out


def test_several_reports_become_one(command: Command) -> None:
    keep("a.json", report(finding()), 1)
    keep("b.json", report(finding(probe="models"), tool="sherpa-probe models"), 1)
    _, out, _ = command("render", "a.json", "b.json")
    assert out.startswith("sherpa-probe access, models ")
    assert [line for line in out.splitlines() if line in ("access", "models")] == ["access", "models"]


def test_a_report_comes_from_stdin(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    text = as_json.render(report(finding()), 1)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert command("render", "-", "--json")[1] == text


def test_timelines_and_every_place_are_shown_when_asked_for(command: Command) -> None:
    timeline = Timeline("events: audio", (Moment(at=0.1, who="client", what="session.update"),))
    whole = report(*(placed(line=n) for n in range(1, 20)), timelines=(timeline,), metrics=(ReportMetric("a_ms", 3),))
    keep("a.json", whole, 1)
    assert "session.update" not in command("render", "a.json")[1]
    out = command("render", "a.json", "--timelines", "-v")[1]
    assert "-> session.update" in out
    assert "src/a.ts:19:3" in out


def test_two_runs_are_compared_and_worse_fails_only_when_asked_for(command: Command) -> None:
    keep("before.json", report(finding(Severity.PASS)))
    keep("after.json", report(finding()), 1)
    code, out, err = command("compare", "before.json", "after.json")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith("worse: 1 worse")
    assert command("compare", "before.json", "after.json", "--fail-on-worse")[0] == 1
    assert command("compare", "after.json", "before.json", "--fail-on-worse")[0] == 0
    code, out, _ = command("compare", "before.json", "after.json", "--fail-on-worse", "--json")
    assert (code, json.loads(out)["exit_code"], json.loads(out)["verdict"]) == (1, 1, "worse")
    assert command("compare", "before.json", "after.json", "-f", "markdown")[1].startswith("### ❌ worse: 1 worse")


@pytest.mark.parametrize(("share", "code"), [("20%", 1), ("0.2", 1), ("60%", 0), ("0.6", 0), ("0", 1)])
def test_metrics_may_change_within_the_tolerance(command: Command, share: str, code: int) -> None:
    keep("before.json", report(metrics=(ReportMetric("a_seconds", 1.0),)))
    keep("after.json", report(metrics=(ReportMetric("a_seconds", 1.5),)))
    assert command("compare", "before.json", "after.json", "--fail-on-worse", "--tolerance", share)[0] == code


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["render"], "FILE"),
        (["render", "no.json"], "can't read no.json: no such file"),
        (["render", "."], "is a directory"),
        (["render", "text"], "text is not a report: it is not JSON"),
        (["render", "half.json"], "its end is missing"),
        (["render", "-", "-"], "only once"),
        (["render", "a.json", "--format", "papyrus"], "papyrus"),
        (["render", "a.json", "-o", "no/where"], "can't write no/where"),
        (["rendr", "a.json"], "rendr"),
        (["compare", "a.json"], "AFTER"),
        (["compare", "a.json", "text"], "text is not a report"),
        (["compare", "a.json", "a.json", "--tolerance", "much"], "'much' is not a share"),
        (["compare", "a.json", "a.json", "--tolerance", "-1"], "is not a share"),
        (["compare", "a.json", "a.json", "--tolerance", "nan"], "is not a share"),
    ],
)
def test_wrong_usage_is_told_on_stderr_or_in_one_document(command: Command, words: list[str], message: str) -> None:
    keep("a.json", report())
    Path("text").write_text("hello")
    Path("half.json").write_text(Path("a.json").read_text()[:200])
    code, out, err = command(*words)
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())
    assert err.startswith("sherpa-report")
    assert max(map(len, err.splitlines())) <= 80
    code, out, err = command(*words, "--json")
    document = json.loads(out)
    assert (code, document["exit_code"], err) == (2, 2, "")
    assert document["findings"][0]["code"] in PROBLEMS


def test_two_formats_at_once_are_refused(command: Command) -> None:
    for words in (["render", "a.json"], ["compare", "a.json", "a.json"]):
        code, out, _ = command(*words, "--json", "-f", "markdown")
        assert (code, json.loads(out)["verdict"]) == (2, "usage")


def test_a_key_that_was_typed_where_a_file_belongs_is_not_repeated(command: Command) -> None:
    key = "sk-proj-0123456789abcdefghijKLMN"
    for words in (["render", key], ["compare", key, key, "--json"]):
        _, out, err = command(*words)
        assert key not in out + err


def test_every_code_that_can_come_is_explained() -> None:
    codes = {
        USAGE,
        NOT_A_REPORT,
        CRASHED,
        INTERRUPTED,
        crash_failure("t", ValueError()).code,
        interrupted_failure("t").code,
    }
    assert codes <= set(PROBLEMS)


def test_a_command_alone_shows_its_help_and_is_wrong_usage(command: Command) -> None:
    code, out, err = command()
    assert (code, out) == (2, "")
    assert "compare" in err


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(as_json.render(report(*(finding(title=f"{n}" * 200) for n in range(2_000))), 1))
    running = start("render", str(path), "-v")
    assert running.stdout is not None
    running.stdout.readline()
    running.stdout.close()
    assert running.stderr is not None
    assert (running.wait(60), running.stderr.read()) == (0, "")
    running.stderr.close()
    assert running.stdin is not None
    running.stdin.close()


def test_a_full_disk_is_reported() -> None:
    with Path("/dev/full").open("w") as full:
        running = start("--help", stdout=full)
        _, err = running.communicate(timeout=60)
    assert (running.returncode, "no space left" in err) == (3, True)


def test_ctrl_c_ends_it_with_130_and_no_traceback(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    running = start("render", str(pipe), "--json")
    with pipe.open("w"):  # opens when the command opens it, which then waits for what never comes
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, err.strip()) == (130, "")
    assert json.loads(out)["verdict"] == "interrupted"


def test_help_is_quick_and_imports_no_renderer() -> None:
    program = "import sys; sys.path.insert(0, sys.argv[1]); import reports.cli; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", program, str(ROOT)], capture_output=True, text=True, check=True)
    assert not {"rich", "msgspec", "jinja2", "pygal", "trio", "importlib.metadata"} & set(found.stdout.split())


def test_a_shell_can_complete_its_words() -> None:
    words = {"_SHERPA_REPORT_COMPLETE": "bash_complete", "COMP_WORDS": "sherpa-report ren", "COMP_CWORD": "1"}
    found = CliRunner().invoke(cli, [], prog_name="sherpa-report", env=words)
    assert found.output.splitlines() == ["plain,render"]
