"""Ctrl-C, remembered instead of raised: an exception that can come up at any line leaves no report behind.

SIGTERM, by which a build server or an orchestrator ends a command, is the same: else it would leave drafts of files.
Signals belong to the whole process, so there is one of these. While it is held, an interrupt waits to be looked at; in
the places that may wait for ever (a key file that is a pipe) it is raised as usual; in trio it cancels.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: So many in a row mean: at once, and without a report.
_IMPATIENT = 3
_INTERRUPTED = 130


class Interrupts:
    """What came of SIGINT and SIGTERM while they were held."""

    def __init__(self) -> None:
        self._count = 0
        self._depth = 0
        self._before: dict[signal.Signals, Callable[..., object] | int | None] = {}
        self._call: Callable[[], None] | None = None

    @property
    def received(self) -> bool:
        """Whether there was one."""
        return self._count > 0

    def hold(self) -> None:
        """Hold interrupts from here on; does nothing outside the main thread, where there are none."""
        self._depth += 1
        if self._depth == 1 and threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, self._heard) for one in _SIGNALS}

    def release(self) -> None:
        """Let them go again. What came stays known until `holding` ends."""
        self._depth -= 1
        if self._depth == 0:
            for one, before in self._before.items():
                signal.signal(one, before)
            self._before = {}

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold them for the length of the block, which may stand inside another; the outermost forgets what came."""
        self.hold()
        try:
            yield
        finally:
            self.release()
            self._count = 0 if self._depth == 0 else self._count

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Raise KeyboardInterrupt in the block, also for one that came before it."""
        with self.calling(_interrupt):
            yield

    @contextmanager
    def calling(self, call: Callable[[], None]) -> Iterator[None]:
        """Call this, once, when one comes in the block or came before it. Does not stand inside another."""
        self._call = call
        try:
            if self.received:
                self._act()
            yield
        finally:
            self._call = None

    def _heard(self, *_: object) -> None:
        self._count += 1
        if self._count >= _IMPATIENT:
            os._exit(_INTERRUPTED)
        self._act()

    def _act(self) -> None:
        """Act once: whoever catches what was raised is not to be interrupted a second time."""
        call, self._call = self._call, None
        if call is not None:
            call()


def _interrupt() -> None:
    raise KeyboardInterrupt


INTERRUPTS = Interrupts()
