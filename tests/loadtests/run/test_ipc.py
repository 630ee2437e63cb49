"""The channel between a run and its command: progress one way, requests and responses the other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from loadtests.run.ipc import CHANNEL_FD_VARIABLE, ChannelError, ParentChannel, RunChannel, socket_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def ends(
    answers: Mapping[str, Callable[[], Any]], reports: list[Mapping[str, Any]]
) -> tuple[RunChannel, ParentChannel]:
    ours, theirs = socket_pair()
    theirs.settimeout(5)
    return RunChannel(theirs), ParentChannel(ours, answers, reports.append)


def refuse() -> None:
    raise ChannelError("not today")


def test_progress_arrives_in_order_and_whole() -> None:
    reports: list[Mapping[str, Any]] = []
    channel, parent = ends({}, reports)
    for number in range(100):
        channel.send_progress({"at": number})
        if number % 10 == 9:
            assert parent.read()
    assert [report["at"] for report in reports] == list(range(100))
    parent.connection.close()
    channel.connection.close()


@pytest.mark.parametrize(("what", "words"), [("no", "not today"), ("unknown", "unknown")])
def test_a_failed_request_is_reported(what: str, words: str) -> None:
    assert words in asked(what)


def asked(what: str) -> str:
    """Send a request from a thread, as another process would, and return the response or the error."""
    channel, parent = ends({"resources": lambda: {"bridge": [1, 2]}, "no": refuse}, [])
    answers: list[str] = []

    def ask() -> None:
        try:
            answers.append(str(channel.request(what)))
        except ChannelError as error:
            answers.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    while not answers:
        parent.read()
        thread.join(timeout=0.05)
        parent.connection.setblocking(False)
    parent.connection.close()
    channel.connection.close()
    return answers[0]


def test_an_answer_comes_back() -> None:
    assert asked("resources") == "{'bridge': [1, 2]}"


def test_a_command_that_has_exited_gets_no_progress_and_answers_nothing() -> None:
    channel, parent = ends({}, [])
    parent.connection.close()
    channel.send_progress({"at": 1})
    with pytest.raises(ChannelError, match="doesn't respond"):
        channel.request("resources")
    channel.connection.close()


def test_a_run_that_is_gone_is_noticed() -> None:
    channel, parent = ends({}, [])
    channel.connection.close()
    assert not parent.read()
    parent.connection.close()


@pytest.mark.parametrize("environment", [{}, {CHANNEL_FD_VARIABLE: ""}, {CHANNEL_FD_VARIABLE: "x"}])
def test_a_run_without_a_parent_has_no_channel(environment: dict[str, str]) -> None:
    assert RunChannel.from_environment(environment) is None
