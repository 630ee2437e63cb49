"""Ctrl-C is recorded while signals are held, raised on request, and the handlers are restored afterwards."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from probes.runner.interrupts import Interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    before = signal.getsignal(signal.SIGINT)
    yield Interrupts()
    assert signal.getsignal(signal.SIGINT) is before


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_one_that_comes_while_held_is_remembered_and_then_forgotten(interrupts: Interrupts) -> None:
    with interrupts.holding():
        press()
        assert interrupts.received
        with interrupts.holding():
            pass
        assert interrupts.received
    assert not interrupts.received


def test_sigterm_is_an_interrupt(interrupts: Interrupts) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with interrupts.holding():
        with pytest.raises(KeyboardInterrupt), interrupts.raising():
            signal.raise_signal(signal.SIGTERM)
        assert interrupts.received
    assert signal.getsignal(signal.SIGTERM) is before


def test_one_that_came_between_beginning_and_holding_is_kept(interrupts: Interrupts) -> None:
    interrupts.hold()
    press()
    interrupts.release()
    with interrupts.holding():
        assert interrupts.received


def test_one_that_comes_where_it_may_is_raised_once(interrupts: Interrupts) -> None:
    with interrupts.holding():
        with pytest.raises(KeyboardInterrupt), interrupts.raising():
            press()
        press()


def test_one_that_came_before_is_raised_at_the_next_place(interrupts: Interrupts) -> None:
    reached = False
    with interrupts.holding():
        press()
        with pytest.raises(KeyboardInterrupt), interrupts.raising():
            reached = True
    assert not reached


def test_what_is_to_be_called_is_called_once(interrupts: Interrupts) -> None:
    calls: list[int] = []
    with interrupts.holding(), interrupts.calling(lambda: calls.append(1)):
        press()
        press()
    assert calls == [1]


def test_the_third_one_leaves_at_once() -> None:
    pid = os.fork()
    if pid == 0:
        with Interrupts().holding():
            for _ in range(3):
                press()
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130


def test_another_thread_changes_nothing(interrupts: Interrupts) -> None:
    before, during = signal.getsignal(signal.SIGINT), []

    def hold() -> None:
        with interrupts.holding():
            during.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    assert during == [before]
