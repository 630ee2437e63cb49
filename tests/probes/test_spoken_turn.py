from __future__ import annotations

import signal
import subprocess
import sys
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
import trio
from rich.console import Console

from bridge.protocol.tracer import TracerCount, TracerSource
from bridge.protocol.wav import read_wav
from bridge.simulator.embedded import open_simulator
from bridge.simulator.settings import Settings
from bridge.transport.link import LinkClosed
from bridge.upstream.dial import dial
from probes.demo import demo
from probes.spoken_turn import SpokenTurn, spoken_turn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


async def a_turn(settings: Settings, pcm: bytes, key: str = "sk-test") -> tuple[SpokenTurn, Mapping[int, TracerCount]]:
    async with open_simulator(settings) as simulator:
        url = f"{simulator.websocket_url}?model=gpt-realtime-2.1"
        connected = await dial(url, headers=[("authorization", f"Bearer {key}")])
        async with connected.link as link:
            turn = await spoken_turn(link, pcm)
        tracer = simulator.arrivals.tracer(key).report()
        return turn, tracer


async def test_a_turn_is_heard_whole_and_answered_in_order() -> None:
    pcm = TracerSource(7).speech(400)
    with trio.fail_after(20):
        turn, tracer = await a_turn(Settings(pace=50), pcm)
    assert tracer[7].received_ms == 400
    assert tracer[7].clean
    assert turn.violations == []
    assert turn.heard.startswith("Simulated transcript of a turn of")
    assert turn.answer.startswith("I heard")
    assert len(turn.audio) > 48_000
    marks = [turn.marks[name] for name in ("created", "ready", "spoken", "audio", "done")]
    assert marks == sorted(marks)
    first_audio = turn.seconds_between("spoken", "audio")
    assert first_audio is not None
    assert 0.2 < first_audio < 5
    assert turn.seconds_between("spoken", "nothing") is None


async def test_a_session_that_ends_in_the_middle_ends_the_turn() -> None:
    with trio.fail_after(20), pytest.RaisesGroup(LinkClosed, flatten_subgroups=True, allow_unwrapped=True):
        await a_turn(Settings(pace=50), TracerSource(1).speech(800), key="sk-scenario-dropped-mid-append")


async def test_the_demo_keeps_an_answer_that_can_be_listened_to(tmp_path: Path) -> None:
    console = Console(record=True, width=80, file=(tmp_path / "screen").open("w"))
    answer = tmp_path / "answer.wav"
    with trio.fail_after(30):
        assert await demo(console, answer, pace=50) == 0
    shown = console.export_text()
    assert "every event stood where the protocol has it" in shown
    assert read_wav(answer).ms > 2000
    assert max(map(len, shown.splitlines())) <= 80
    console.file.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "code", "says"),
    [(["--pace", "0"], 2, "above 0"), (["--answer", "/proc/no/a.wav"], 2, "cannot be kept at /proc/no/a.wav")],
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
        assert process.wait(10) == 130
        assert process.stderr.read() == ""


def test_the_sentence_is_part_of_the_package() -> None:
    wav = read_wav(files("probes").joinpath("data/question.wav").read_bytes())
    assert not wav.resampled
    assert 2500 < wav.ms < 3500
