"""The wire between a run and the command that started it: progress one way, questions and answers the other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from loadtests.run.ipc import WIRE, Away, Home, HomeError, wire_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def ends(answers: Mapping[str, Callable[[], Any]], heard: list[Mapping[str, Any]]) -> tuple[Home, Away]:
    ours, theirs = wire_pair()
    theirs.settimeout(5)
    return Home(theirs), Away(ours, answers, heard.append)


def refuse() -> None:
    raise HomeError("not today")


def test_progress_arrives_in_order_and_whole() -> None:
    heard: list[Mapping[str, Any]] = []
    home, away = ends({}, heard)
    for number in range(100):
        home.tell({"at": number})
        if number % 10 == 9:
            assert away.read()
    assert [told["at"] for told in heard] == list(range(100))
    away.wire.close()
    home.wire.close()


@pytest.mark.parametrize(("what", "words"), [("no", "not today"), ("unknown", "unknown")])
def test_what_cannot_be_had_is_told(what: str, words: str) -> None:
    assert words in asked(what)


def asked(what: str) -> str:
    """Ask from a thread, as another process would, and give the answer or the refusal."""
    home, away = ends({"resources": lambda: {"bridge": [1, 2]}, "no": refuse}, [])
    said: list[str] = []

    def ask() -> None:
        try:
            said.append(str(home.ask(what)))
        except HomeError as error:
            said.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    while not said:
        away.read()
        thread.join(timeout=0.05)
        away.wire.setblocking(False)
    away.wire.close()
    home.wire.close()
    return said[0]


def test_an_answer_comes_back() -> None:
    assert asked("resources") == "{'bridge': [1, 2]}"


def test_a_command_that_is_gone_hears_nothing_and_refuses_everything() -> None:
    home, away = ends({}, [])
    away.wire.close()
    home.tell({"at": 1})
    with pytest.raises(HomeError, match="does not answer"):
        home.ask("resources")
    home.wire.close()


def test_a_run_that_is_gone_is_noticed() -> None:
    home, away = ends({}, [])
    home.wire.close()
    assert not away.read()
    away.wire.close()


@pytest.mark.parametrize("environment", [{}, {WIRE: ""}, {WIRE: "x"}])
def test_a_run_that_nobody_started_has_no_wire(environment: dict[str, str]) -> None:
    assert Home.of(environment) is None
