from __future__ import annotations

import signal
import subprocess
import sys
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
import trio
from rich.console import Console

from bridge.protocol.audio.wav import read_wav
from bridge.protocol.dialects.detection import Dialect
from probes.conversation.facts import SessionFacts
from probes.demo import demo, violations
from probes.recording.capture import ClosedEnding, FinishedEnding

if TYPE_CHECKING:
    from pathlib import Path


async def test_the_demo_keeps_an_answer_that_can_be_listened_to(tmp_path: Path) -> None:
    console = Console(record=True, width=80, file=(tmp_path / "screen").open("w"))
    answer = tmp_path / "answer.wav"
    with trio.fail_after(30):
        assert await demo(console, answer, pace=50) == 0
    shown = console.export_text()
    assert "every event is in the order that the protocol defines" in shown
    assert "I heard 3.3 seconds of speech" in " ".join(shown.split())
    assert read_wav(answer).duration_ms > 2000
    assert max(map(len, shown.splitlines())) <= 80
    console.file.close()


def test_a_turn_that_was_cut_or_broke_a_rule_is_no_success() -> None:
    account = SessionFacts(Dialect.GA)
    assert violations(account, FinishedEnding(at=1.0)) == []
    assert "did not finish" in violations(account, ClosedEnding(at=1.0, code=1011, reason="", by_peer=True))[0]
    account.violations.append((1, "a-rule", "the detail"))
    assert violations(account, FinishedEnding(at=1.0)) == ["a-rule: the detail"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "code", "says"),
    [(["--pace", "0"], 2, "above 0"), (["--answer", "/proc/no/a.wav"], 2, "cannot write /proc/no/a.wav")],
)
def test_wrong_usage_of_the_demo_is_one_sentence(options: list[str], code: int, says: str) -> None:
    done = subprocess.run([sys.executable, "-m", "probes.demo", *options], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_an_interrupted_demo_ends_quietly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "probes.demo", "--answer", str(tmp_path / "answer.wav")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while "session.created" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == ""


def test_the_sentence_is_part_of_the_package() -> None:
    wav = read_wav(files("probes").joinpath("data/question.wav").read_bytes())
    assert not wav.resampled
    assert 2500 < wav.duration_ms < 3500
