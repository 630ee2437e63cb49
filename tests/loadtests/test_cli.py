"""The command: invalid usage exits with 2 and an explanation, help is fast, and with --json stdout is one document."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from loadtests.cli import main
from tests.process_state import signal_handlers_restored

if TYPE_CHECKING:
    from pathlib import Path

HERE = ["--target", "ws://127.0.0.1:9"]


def called(*words: str) -> int:
    with pytest.raises(SystemExit) as ended, signal_handlers_restored():
        main(words)
    code = ended.value.code
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "convrsation", *HERE], "did you mean conversation?"),
        (["run", "conversation"], "no target: pass --target URL or --simulate"),
        (["run", "conversation", *HERE, "--simulate"], "--target and --simulate exclude each other"),
        (["run", "conversation", "--simulate", "--control", "http://127.0.0.1:1"], "--control and --simulate"),
        (["run", "conversation", *HERE, "--users", "0"], "--users: 0 is too small"),
        (["run", "conversation", *HERE, "--users", "many"], "'many' is not a valid integer"),
        (["run", "conversation", *HERE, "--duration", "0"], "0 is too short"),
        (["run", "conversation", *HERE, "--budget", "p99(frist_audio) < 1s"], "did you mean first_audio?"),
        (["run", "conversation", *HERE, "--report", "htm=x"], "did you mean html?"),
        (["run", "conversation", *HERE, "--report", "json=-", "--report", "html=-"], "- is given twice"),
        (["run", "conversation", *HERE, "--endpoint", "nativ"], "unknown endpoint 'nativ': did you mean native?"),
        (["run", "conversation", *HERE, "--door", "nativ"], "--endpoint: unknown endpoint 'nativ'"),
        (["run", "conversation", *HERE, "--watch", "bridge"], "is not NAME=PID"),
        (["run", "conversation", *HERE, "--client-token-env", "NO_SUCH"], "the variable NO_SUCH is not set"),
        (["run", "conversation", "--target", "wss://voice.example.com"], "looks like a public host"),
        (["capacity", *HERE, "--start", "20", "--most", "10"], "20 callers are more than --most 10"),
        (["suite", *HERE, "convrsation"], "did you mean conversation?"),
        (["suite", *HERE, "deploy"], "deploy needs a command that redeploys the target"),
        (["suite"], "no target: pass --target URL or --simulate"),
        (["fly"], "unknown command 'fly'; use one of: capacity, list, run, suite"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_plain_line_and_what_to_type(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(*words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert message in " ".join(shown.err.split())
    assert "--help" in shown.err


@pytest.mark.parametrize(("words", "code"), [(["--users", "0"], 2), ([], 3)])
def test_with_json_stdout_is_one_document_whatever_happens(
    words: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
    assert called("run", "conversation", "--target", url, "--json", *words) == code
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == code
    assert document["findings"][0]["code"] == ("LOAD-USAGE" if code == 2 else "LOAD-TARGET-DOWN")


def test_a_report_is_written_of_a_target_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
    assert called("run", "conversation", "--target", url, "--report", f"junit={tmp_path / 'j.xml'}") == 3
    assert "connection refused: nothing listens at this address" in capsys.readouterr().out
    assert "LOAD-TARGET-DOWN" in (tmp_path / "j.xml").read_text()


def test_a_report_on_stdout_is_alone_there_and_the_page_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
    assert called("run", "conversation", "--target", url, "--report", "json=-") == 3
    shown = capsys.readouterr()
    assert json.loads(shown.out)["exit_code"] == 3
    assert "LOAD-TARGET-DOWN" in shown.err
    assert called("run", "conversation", "--target", url, "--report", "html=-", "--json") == 2
    assert "exclude each other" in json.loads(capsys.readouterr().out)["findings"][0]["title"]


def test_the_list_names_every_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("list") == 0
    assert "reconnect-storm" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["run"], ["suite"], ["capacity"]])
def test_help_comes_without_locust_gevent_or_trio(words: list[str]) -> None:
    program = (
        "import sys\nfrom loadtests.cli import cli\n"
        f"cli.main({[*words, '--help']!r}, standalone_mode=False)\n"
        "print(sorted({'locust', 'gevent', 'trio', 'psutil', 'rich', 'websocket', 'hdrh'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.endswith("[]\n")
    assert "Usage: " in shown.stdout


def test_the_command_alone_says_what_it_finds_and_what_to_type_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert called() == 0
    assert "sherpa-load" in capsys.readouterr().out
