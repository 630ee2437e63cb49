"""The line protocol between a test and a client driver, with a driver whose library does nothing."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.clients import driver_process
from tests.clients.driver_process import CommandFailed, DriverProcess
from tests.clients.service import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = """
import asyncio, os
from tests.clients.drivers.protocol import Driver, main

class Fake(Driver):
    async def open(self, base_url, key, model):
        print("a library that prints")
        if model == "none":
            raise LookupError("no such model")
        self.spoken = 0
    async def say(self, text):
        if text == "end":
            self.start(self.fail(), "fail")
            return
        self.output(text="You said: ")
        self.output(text=text, audio=b"1234")
        self.end_turn()
    async def fail(self):
        raise ConnectionError("gone")
    async def send_audio(self, pcm):
        self.spoken += len(pcm)
        if self.spoken > 960:
            self.output(text=f"{self.spoken} bytes")
    async def update(self, instructions):
        os._exit(0)
    async def close(self):
        await self.stop_tasks()

main(Fake())
"""


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[DriverProcess]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    running = DriverProcess([sys.executable, "-c", PROGRAM], tmp_path / "log", environment, tmp_path)
    yield running
    running.stop()


def open_session(driver: DriverProcess, model: str = "any") -> None:
    driver.call("open", base_url="http://h/v1", key="k", model=model)


@pytest.mark.slow
def test_a_command_is_answered_and_its_events_come_before(driver: DriverProcess) -> None:
    open_session(driver)
    driver.call("say", text="hello")
    assert [event["event"] for event in driver.events] == ["answer", "output", "turn", "answer"]
    assert driver.wait(("turn",), 0, texts=["hello"])["audio_bytes"] == 4
    assert "a library that prints" in driver.log.read_text()


@pytest.mark.slow
def test_a_command_that_raises_says_what(driver: DriverProcess) -> None:
    with pytest.raises(CommandFailed, match="LookupError: no such model"):
        open_session(driver, "none")


@pytest.mark.slow
def test_what_a_library_raises_by_itself_ends_the_session(driver: DriverProcess) -> None:
    open_session(driver)
    driver.call("say", text="end")
    assert driver.wait(("ended",), 0)["text"] == "ConnectionError: gone"


@pytest.mark.slow
def test_the_microphone_falls_silent_when_the_answer_begins(driver: DriverProcess, tmp_path: Path) -> None:
    speech = tmp_path / "speech"
    speech.write_bytes(bytes(960))
    open_session(driver)
    driver.call("speak", file=str(speech))
    driver.call("say", text="!")
    assert driver.wait(("turn",), 0)["text"] == "1920 bytesYou said: !"


@pytest.mark.slow
def test_a_driver_that_has_ended_is_waited_for_no_longer(driver: DriverProcess) -> None:
    open_session(driver)
    with pytest.raises(AssertionError, match="no answer or failure of any text: the driver has ended"):
        driver.call("update", instructions="")
    assert not driver.alive


@pytest.mark.slow
def test_an_event_that_does_not_come_is_told_with_those_that_came(
    driver: DriverProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver_process, "WAIT_SECONDS", 0.0)
    driver.events.append({"event": "error", "text": "oh"})
    with pytest.raises(AssertionError, match=r"no turn 'this' or 'that': not within 0 s\nevents:\n.*\"oh\""):
        driver.wait(("turn",), 0, texts=["this", "that"])
