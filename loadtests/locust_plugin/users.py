"""Locust's users: callers, as Locust starts and stops them.

Importing this patches the process, as importing Locust does.
"""

from __future__ import annotations

import time
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

import gevent
from locust import User, task

from loadtests.callers.call import CallTarget
from loadtests.callers.caller import VirtualCaller
from loadtests.scenarios.behaviour import CallerBehaviour

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtests.metrics.recorder import CallRecorder

#: Numbers of calls: each process has its own range of this many.
_CALLS_PER_PROCESS = 1_000_000


class CallUser(User):
    """One caller. Its behaviour, its target and its meter are set on the class before the test begins."""

    abstract = True
    behaviour: ClassVar[CallerBehaviour] = CallerBehaviour()
    target: ClassVar[CallTarget] = CallTarget("ws://127.0.0.1:8765", "gpt-realtime-2.1")
    recorder: ClassVar[CallRecorder]
    """`ProcessRecorder`, or for callers that are slow or rude on purpose `Apart(meter)`."""
    caller_ids: ClassVar[Iterator[int]] = count(1)

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._caller = VirtualCaller(
            target=self.target,
            behaviour=self.behaviour,
            recorder=self.recorder,
            caller_ids=self.caller_ids,
            clock=time.monotonic,
            sleep=gevent.sleep,
        )

    @classmethod
    def start_caller_ids(cls, process: int) -> None:
        """Give this process's calls numbers that no other process uses. On the base class: for all its users."""
        cls.caller_ids = count(process * _CALLS_PER_PROCESS + 1)

    @property
    def is_stopping(self) -> bool:
        """Whether Locust wants this caller to end."""
        return self._state == "stopping"

    def cut(self) -> None:
        """Break the call that is running, as a network does."""
        self._caller.cut()

    @task
    def place_calls(self) -> None:
        """Call until told to end. Locust's stop, asked or forced, ends the call that runs in good order."""
        self._caller.run(lambda: self.is_stopping)
