"""The wire between a run and the command that started it: progress one way, questions and answers the other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from loadtests.run.ipc import CHANNEL_FD_VARIABLE, ChannelError, ParentChannel, RunChannel, socket_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def ends(answers: Mapping[str, Callable[[], Any]], heard: list[Mapping[str, Any]]) -> tuple[RunChannel, ParentChannel]:
    ours, theirs = socket_pair()
    theirs.settimeout(5)
    return RunChannel(theirs), ParentChannel(ours, answers, heard.append)


def refuse() -> None:
    raise ChannelError("not today")


def test_progress_arrives_in_order_and_whole() -> None:
    heard: list[Mapping[str, Any]] = []
    home, away = ends({}, heard)
    for number in range(100):
        home.send_progress({"at": number})
        if number % 10 == 9:
            assert away.read()
    assert [told["at"] for told in heard] == list(range(100))
    away.connection.close()
    home.connection.close()


@pytest.mark.parametrize(("what", "words"), [("no", "not today"), ("unknown", "unknown")])
def test_what_cannot_be_had_is_told(what: str, words: str) -> None:
    assert words in asked(what)


def asked(what: str) -> str:
    """Ask from a thread, as another process would, and give the answer or the refusal."""
    home, away = ends({"resources": lambda: {"bridge": [1, 2]}, "no": refuse}, [])
    said: list[str] = []

    def ask() -> None:
        try:
            said.append(str(home.request(what)))
        except ChannelError as error:
            said.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    while not said:
        away.read()
        thread.join(timeout=0.05)
        away.connection.setblocking(False)
    away.connection.close()
    home.connection.close()
    return said[0]


def test_an_answer_comes_back() -> None:
    assert asked("resources") == "{'bridge': [1, 2]}"


def test_a_command_that_is_gone_hears_nothing_and_refuses_everything() -> None:
    home, away = ends({}, [])
    away.connection.close()
    home.send_progress({"at": 1})
    with pytest.raises(ChannelError, match="doesn't respond"):
        home.request("resources")
    home.connection.close()


def test_a_run_that_is_gone_is_noticed() -> None:
    home, away = ends({}, [])
    home.connection.close()
    assert not away.read()
    away.connection.close()


@pytest.mark.parametrize("environment", [{}, {CHANNEL_FD_VARIABLE: ""}, {CHANNEL_FD_VARIABLE: "x"}])
def test_a_run_that_nobody_started_has_no_wire(environment: dict[str, str]) -> None:
    assert RunChannel.from_environment(environment) is None
