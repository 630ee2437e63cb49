"""The command `watch`: lines, end, exit codes; wrong usage sends nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bridge.config.resolve import ConfigError, Flags
from probes.runner.usage import UsageError
from probes.watch.command import WatchOptions, run_watch
from probes.watch.lines import OutputClosedError

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {"OPENAI_API_KEY": "sk-proj-0123456789abcdefghijKLMN"}


def watched(folder: Path, **fields: Any) -> tuple[int, list[str], list[str]]:
    lines, notes = list[str](), list[str]()
    options = WatchOptions(**{"simulate": "good", "count": 1, **fields})
    code = run_watch(options, ENVIRONMENT, write_line=lines.append, write_note=notes.append, folder=folder)
    return code, lines, notes


def test_a_good_run_is_a_line_and_so_is_the_end(tmp_path: Path) -> None:
    code, (run, end), notes = watched(tmp_path, modules=("access", "models"))
    assert code == 0
    assert run.split()[1] == "ok"
    assert end.endswith("end   1 run: 1 passed")
    assert notes == []


def test_a_run_that_fails_names_its_code_and_decides_the_exit_code(tmp_path: Path) -> None:
    code, (run, _), _ = watched(tmp_path, simulate="no-quota")
    assert code == 1
    assert run.split()[1] == "FAIL"
    assert run.endswith("ACCESS-NO-QUOTA")


def test_what_cannot_be_checked_is_no_failure(tmp_path: Path) -> None:
    code, (run, _), _ = watched(tmp_path, simulate=None, flags=Flags(base_url="http://127.0.0.1:9/v1"))
    assert code == 3
    assert run.endswith("ACCESS-NOTHING-LISTENING")


def test_strict_makes_a_warning_fail(tmp_path: Path) -> None:
    assert watched(tmp_path, simulate="mint-404")[0] == 0
    assert watched(tmp_path, simulate="mint-404", strict=True)[0] == 1


def test_as_json_every_line_is_a_document(tmp_path: Path) -> None:
    _, lines, _ = watched(tmp_path, json=True)
    assert [json.loads(line)["kind"] for line in lines] == ["run", "end"]


def test_it_says_where_it_listens(tmp_path: Path) -> None:
    _, _, (note,) = watched(tmp_path, listen="127.0.0.1:0")
    assert note.startswith("listening on http://127.0.0.1:")
    _, _, notes = watched(tmp_path, listen="0.0.0.0:0")
    assert "at your cost" in notes[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"every": 0.5}, "--every must be 1 to 86400 seconds"),
        ({"every": float("nan")}, "--every"),
        ({"count": 0}, "--count must be 1 or more"),
        ({"modules": ("bridg",)}, "--module: unknown module 'bridg'"),
        ({"simulate": "goood"}, "--simulate: unknown scenario 'goood'; did you mean good"),
        ({"listen": "here"}, "--listen"),
        ({"targets": ("a=https://x/v1",)}, "can't be combined with --simulate"),
        ({"targets": ("a=https://x/v1",), "simulate": None}, "it needs --listen"),
        ({"targets": ("a",), "simulate": None, "listen": "0"}, "is not NAME=URL"),
    ],
)
def test_wrong_usage_is_reported_before_anything_runs(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        watched(tmp_path, **options)


def test_a_missing_key_is_reported_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no key"):
        run_watch(WatchOptions(count=1), {}, write_line=lambda _: None, folder=tmp_path)


def test_an_address_that_cannot_be_had_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"can't listen on .*: "):
        watched(tmp_path, listen="192.0.2.1:1")


def test_a_reader_that_is_gone_ends_it_quietly(tmp_path: Path) -> None:
    def gone(_: str) -> None:
        raise OutputClosedError

    assert run_watch(WatchOptions(simulate="good"), ENVIRONMENT, write_line=gone, folder=tmp_path) == 0


def test_an_exception_while_writing_a_line_is_raised(tmp_path: Path) -> None:
    def full(_: str) -> None:
        raise OSError(28, "no space left on device")

    with pytest.raises(OSError, match="no space"):
        run_watch(WatchOptions(simulate="good"), ENVIRONMENT, write_line=full, folder=tmp_path)


PROGRAM = """
import os, sys
from probes.watch.command import WatchOptions, run_watch
def write_line(line): print(line, flush=True)
sys.exit(run_watch(WatchOptions(simulate="good", listen="127.0.0.1:0", json=True), os.environ, write_line=write_line))
"""


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_in_good_order_with_its_last_line(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        process.send_signal(sent)
        out, err = process.communicate(timeout=60)
    (last,) = out.splitlines()
    assert (first["kind"], json.loads(last)["kind"]) == ("run", "end")
    assert (process.returncode, err) == (code, b"")
