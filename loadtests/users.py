"""Locust's users: callers that call, come back when they are lost, and hang up when the test ends."""

from __future__ import annotations

import random
import time
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

import gevent
from locust import User, task

from loadtests.behaviour import Behaviour
from loadtests.call import Call, Fate, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtests.meter import Meter

#: Waits of a good client that was lost: full jitter between nothing and a limit that doubles up to the last.
_FIRST_WAIT, _LAST_WAIT = 0.5, 8.0
#: Numbers of callers: each process has its own range of this many.
_CALLERS_PER_PROCESS = 1_000_000


class CallUser(User):
    """One caller. Its behaviour, its target and its meter are set on the class before the test begins."""

    abstract = True
    behaviour: ClassVar[Behaviour] = Behaviour()
    where: ClassVar[Where] = Where("ws://127.0.0.1:8765", "gpt-realtime-2.1")
    meter: ClassVar[Meter]
    numbers: ClassVar[Iterator[int]] = count(1)

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._call: Call | None = None
        self._random = random.Random()

    @classmethod
    def number_from(cls, process: int) -> None:
        """Give this process's callers numbers that no other process uses."""
        cls.numbers = count(process * _CALLERS_PER_PROCESS + 1)

    @property
    def is_leaving(self) -> bool:
        """Whether Locust wants this caller to end."""
        return self._state == "stopping"

    def cut(self) -> None:
        """Break the call that is running, as a network does."""
        if self._call is not None:
            self._call.cut()

    @task
    def be_a_caller(self) -> None:
        """Call until told to end; come back, with growing pauses, when a call is lost."""
        gevent.sleep(self._random.uniform(0, self.behaviour.spread_ms / 1000))
        wait, lost_at = _FIRST_WAIT, None
        while not self.is_leaving:
            self._call = Call(self.where, self.behaviour, self.meter, next(self.numbers), lost_at=lost_at)
            began = time.monotonic()
            try:
                fate = self._call.run(lambda: self.is_leaving)
            finally:
                call, self._call = self._call, None
            if fate is Fate.DONE:
                wait, lost_at = _FIRST_WAIT, None
                continue
            if not self.behaviour.comes_back:
                self._idle()
                return
            lost_at = call.lost_at or began
            wait = _FIRST_WAIT if fate is not Fate.REFUSED else min(_LAST_WAIT, wait * 2)
            self._pause(self._random.uniform(0, wait))

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.is_leaving:
            gevent.sleep(min(0.2, max(0.0, until - time.monotonic())))

    def _idle(self) -> None:
        while not self.is_leaving:
            gevent.sleep(0.2)
