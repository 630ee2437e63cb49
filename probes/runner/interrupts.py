"""Handles Ctrl-C (SIGINT) and SIGTERM so that an interrupted command still writes its report.

A KeyboardInterrupt can be raised at any line, even while a report is written. So the signals are held: they are only
recorded, and the code looks at them when it is ready. Code that may block forever, such as reading a key from a pipe,
gets the usual KeyboardInterrupt; under trio a signal cancels the run. CI systems and orchestrators end commands with
SIGTERM, which is treated the same. Signals belong to the process, so there is one instance, `INTERRUPTS`.
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
#: This many signals end the process immediately, without a report.
_FORCE_EXIT_COUNT = 3
_INTERRUPTED = 130


class Interrupts:
    """Holds SIGINT and SIGTERM, and records which arrived."""

    def __init__(self) -> None:
        self._count = 0
        self._depth = 0
        self._before: dict[signal.Signals, Callable[..., object] | int | None] = {}
        self._call: Callable[[], None] | None = None

    @property
    def received(self) -> bool:
        """Whether a signal arrived."""
        return self._count > 0

    def hold(self) -> None:
        """Start holding signals. Calls nest. Does nothing outside the main thread, which receives no signals."""
        self._depth += 1
        if self._depth == 1 and threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, self._on_signal) for one in _SIGNALS}

    def release(self) -> None:
        """Stop holding signals. `received` keeps its value until `holding` ends."""
        self._depth -= 1
        if self._depth == 0:
            for one, before in self._before.items():
                signal.signal(one, before)
            self._before = {}

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold signals in the block. Blocks may nest; leaving the outermost one resets `received`."""
        self.hold()
        try:
            yield
        finally:
            self.release()
            self._count = 0 if self._depth == 0 else self._count

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Raise KeyboardInterrupt for a signal that arrives in the block or arrived before it."""
        with self.calling(_interrupt):
            yield

    @contextmanager
    def calling(self, call: Callable[[], None]) -> Iterator[None]:
        """Call a function once for a signal that arrives in the block or arrived before it. Blocks can't nest."""
        self._call = call
        try:
            if self.received:
                self._act()
            yield
        finally:
            self._call = None

    def _on_signal(self, *_: object) -> None:
        self._count += 1
        if self._count >= _FORCE_EXIT_COUNT:
            os._exit(_INTERRUPTED)
        self._act()

    def _act(self) -> None:
        """Call the function at most once: the code that handles the first interrupt must not get a second one."""
        call, self._call = self._call, None
        if call is not None:
            call()


def _interrupt() -> None:
    raise KeyboardInterrupt


INTERRUPTS = Interrupts()
