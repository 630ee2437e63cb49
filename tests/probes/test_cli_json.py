"""`--json` prints one valid document, and nothing else, for every command and every result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from probes.cli import main

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-c", "from probes.cli import main; main()"]
SCHEMA = Draft202012Validator(json.loads(files("reports").joinpath("data/report.schema.json").read_text()))

#: Words, exit code. `SOURCE` is a file with a mistake, `CLEAN` one without, `CUT_MESSAGE` half a capture.
RUNS: dict[str, tuple[list[str], int]] = {
    "access, healthy": (["access", "--simulate"], 0),
    "access, refused": (["access", "--simulate", "no-quota"], 1),
    "access, nobody there": (["access", "--base-url", "http://127.0.0.1:1/v1"], 3),
    "access, every form": (["access", "--simulate", "--auth", "all"], 0),
    "models, healthy": (["models", "--simulate"], 0),
    "models, missing": (["models", "--simulate", "--require", "gpt-realtime-9"], 1),
    "events, healthy": (["events", "--simulate", "--script", "text"], 0),
    "events, failed": (["events", "--simulate", "failed-response", "--script", "text"], 1),
    "events, half a capture": (["events", "--from", "CUT"], 2),
    "bridge, refused": (["bridge", "--simulate", "invalid-key"], 1),
    "bridge, nobody there": (["bridge", "--url", "ws://127.0.0.1:1"], 3),
    "bridge, which?": (["bridge"], 2),
    "smoke, healthy": (["smoke", "--simulate"], 0),
    "smoke, refused": (["smoke", "--simulate", "invalid-key"], 1),
    "lint, a mistake": (["lint", "SOURCE"], 1),
    "lint, clean": (["lint", "CLEAN"], 0),
    "lint, nothing": (["lint", "nowhere"], 2),
    "no such option": (["smoke", "--nonsense"], 2),
    "no such command": (["nonsense"], 2),
    "a broken setting": (["models", "--config", "SOURCE"], 2),
    "a report that cannot be": (["access", "--simulate", "--report", "json=/no/where/x"], 2),
}


#: Those that run as a process too. The others differ in what they find, not in how the document comes out.
AS_PROCESS = ("access, healthy", "events, half a capture", "lint, a mistake", "no such command")


def with_files(folder: Path, words: list[str]) -> list[str]:
    """Put the files in place that the words name."""
    (folder / "SOURCE").with_suffix(".ts").write_text('new WebSocket(url, ["realtime", "openai-beta.realtime-v1"]);\n')
    (folder / "CLEAN").with_suffix(".ts").write_text("export const answer = 42;\n")
    (folder / "CUT").write_text('{"capture"')
    named = {"SOURCE": "SOURCE.ts", "CLEAN": "CLEAN.ts"}
    return [named.get(word, word) for word in words]


def run(folder: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": "sk-proj-0123456789abcdefg"}
    return subprocess.run(
        [*PROGRAM, *with_files(folder, words), "--json"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_a_report_is_one_document_of_the_published_schema(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    words, code = RUNS[name]
    for variable in [v for v in os.environ if v.startswith("OPENAI_") or v.lower().endswith("_proxy")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-0123456789abcdefg")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main([*with_files(tmp_path, words), "--json"])
    out, err = capfd.readouterr()
    assert_is_the_document(out, code)
    assert (ended.value.code, err) == (code, "")


@pytest.mark.slow
@pytest.mark.parametrize("name", AS_PROCESS)
def test_a_process_writes_its_document_too(name: str, tmp_path: Path) -> None:
    words, code = RUNS[name]
    done = run(tmp_path, words)
    assert_is_the_document(done.stdout, code)
    assert (done.returncode, done.stderr) == (code, "")


def assert_is_the_document(out: str, code: int) -> None:
    document = json.loads(out)
    assert [error.message for error in SCHEMA.iter_errors(document)] == []
    assert document["exit_code"] == code
    assert document["findings"]


@pytest.mark.slow
@pytest.mark.parametrize(("words", "code"), [(["explain", "4000"], 0), (["config"], 0), (["config", "--simulate"], 0)])
def test_what_is_no_report_is_one_document_too(words: list[str], code: int, tmp_path: Path) -> None:
    done = run(tmp_path, words)
    document: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, document["schema_version"], done.stderr) == (code, 1, "")


@pytest.mark.slow
def test_a_watch_gives_a_document_a_line(tmp_path: Path) -> None:
    done = run(tmp_path, ["watch", "--simulate", "--count", "2", "--every", "1"])
    kinds = [json.loads(line)["kind"] for line in done.stdout.splitlines()]
    assert (done.returncode, kinds) == (0, ["run", "run", "end"])


@pytest.mark.slow
@pytest.mark.parametrize("words", [["events", "--simulate", "mute"], ["smoke", "--simulate", "never-created"]])
def test_an_interrupted_command_gives_its_document(words: list[str], tmp_path: Path) -> None:
    held = "import sys, probes.runner.early_interrupts; print('held', file=sys.stderr, flush=True)"
    program = [PROGRAM[0], "-c", f"{held}; {PROGRAM[2]}", *words, "--timeout", "600", "--json"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        program, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "held\n"
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)  # to be interrupted in the middle of its work, where the machine is quick enough
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    document = json.loads(out)
    assert [error.message for error in SCHEMA.iter_errors(document)] == []
    assert (process.returncode, document["verdict"], err.strip()) == (130, "interrupted", "")


@pytest.mark.slow
@pytest.mark.parametrize("words", [["smoke", "--simulate"], ["lint", "--list"], ["explain", "4000"]])
def test_a_reader_that_left_is_no_traceback(words: list[str], tmp_path: Path) -> None:
    more = [] if "--list" in words else ["--json"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*PROGRAM, *words, *more],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(60) == 0
