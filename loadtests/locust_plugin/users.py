"""Locust's user class: callers that Locust starts and stops.

Importing this module patches the process, as importing Locust does.
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

#: Each process has its own range of this many caller numbers.
_CALLS_PER_PROCESS = 1_000_000


class CallUser(User):
    """One caller. Its behaviour, target and recorder are set on the class before the test starts."""

    abstract = True
    behaviour: ClassVar[CallerBehaviour] = CallerBehaviour()
    target: ClassVar[CallTarget] = CallTarget("ws://127.0.0.1:8765", "gpt-realtime-2.1")
    recorder: ClassVar[CallRecorder]
    """`ProcessRecorder`, or `CountsOnlyRecorder` for callers that are slow or invalid on purpose."""
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
        """Give this process caller numbers that no other process uses, for all user classes."""
        cls.caller_ids = count(process * _CALLS_PER_PROCESS + 1)

    @property
    def is_stopping(self) -> bool:
        """Whether Locust wants this caller to stop."""
        return self._state == "stopping"

    def cut(self) -> None:
        """Drop the socket of the running call as a network failure does."""
        self._caller.cut()

    @task
    def place_calls(self) -> None:
        """Make calls until Locust stops this user. Both a graceful and a forced stop end the running call normally."""
        self._caller.run(lambda: self.is_stopping)
