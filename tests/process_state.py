"""The state of the test process: child processes, signal handlers, environment variables, the working directory.

A test that changes it and does not change it back breaks whichever test runs next. So the state is captured before
each test and restored after it, and the test that left something behind fails under its own name.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    _Handler: TypeAlias = Callable[..., object] | int | None

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Python starts this process once for everything that uses `multiprocessing`, and ends it at exit.
_RESOURCE_TRACKER = "multiprocessing.resource_tracker"
#: pytest changes it several times in every test.
_CURRENT_TEST = b"PYTEST_CURRENT_TEST"


def unignore_sigint() -> None:
    """Restore Python's SIGINT handler where a shell (`make test &`) or nohup made this process ignore SIGINT.

    Child processes inherit an ignored signal, and a command under test would never see its Ctrl-C.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True, slots=True)
class ProcessState:
    """A snapshot. Capturing one takes microseconds, since every test pays for two."""

    children: frozenset[int]
    handlers: tuple[_Handler, ...]
    environment: dict[bytes, bytes]
    folder: str

    @classmethod
    def capture(cls) -> ProcessState:
        """Take a snapshot of this process."""
        return cls(child_processes(), _handlers(), _environment(), os.getcwd())  # noqa: PTH109 - faster than a path

    def restore(self) -> list[str]:
        """Bring the process back to this state; returns what had changed, in words."""
        now, changes = ProcessState.capture(), list[str]()
        changes += [f"the process {_kill(child)}" for child in new_children(self.children)]
        for name, before, after in zip(_SIGNALS, self.handlers, now.handlers, strict=True):
            if before != after:
                signal.signal(name, before)
                changes.append(f"a handler of {name.name}")
        if self.environment != now.environment:
            changes.append(f"environment variables {self._restore_environment(now.environment)}")
        if self.folder != now.folder:
            os.chdir(self.folder)
            changes.append(f"the working directory {now.folder}")
        return changes

    def _restore_environment(self, now: dict[bytes, bytes]) -> str:
        names = sorted({name for name, _ in self.environment.items() ^ now.items()})
        for name in names:
            os.environb.pop(name, None)
            if name in self.environment:
                os.environb[name] = self.environment[name]
        return ", ".join(map(os.fsdecode, names))


@contextmanager
def signal_handlers_restored() -> Iterator[None]:
    """Undo the signal handlers that a command's `main` installs, for tests that call it in their own process."""
    before = _handlers()
    try:
        yield
    finally:
        for name, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(name, handler)


def _handlers() -> tuple[_Handler, ...]:
    return tuple(map(signal.getsignal, _SIGNALS))


def child_processes() -> frozenset[int]:
    """Return the ids of the children of this process."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # no child at all: the usual case, found out by one system call
        return frozenset()
    found: set[int] = set()
    for file in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # a thread that has ended meanwhile
            found.update(map(int, file.read_text().split()))
    return frozenset(found or (child.pid for child in psutil.Process().children()))


def new_children(before: frozenset[int]) -> frozenset[int]:
    """Return the ids of the children that were not there before, Python's own aside."""
    return frozenset(child for child in child_processes() - before if _RESOURCE_TRACKER not in _command(child))


def _environment() -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = dict(os.environ._data)  # type: ignore[attr-defined] # 300 times faster than a copy
    found.pop(_CURRENT_TEST, None)
    return found


def _kill(child: int) -> str:
    """Kill a process, reap it and close the pipes to it; returns its command line."""
    command = _command(child)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    for one in gc.get_objects():
        if issubclass(type(one), subprocess.Popen) and one.pid == child:  # isinstance would follow dead weak references
            one.wait()
            for pipe in filter(None, (one.stdin, one.stdout, one.stderr)):
                pipe.close()
            return command
    with suppress(ChildProcessError):
        os.waitpid(child, 0)
    return command


def _command(child: int) -> str:
    try:
        return " ".join(psutil.Process(child).cmdline())
    except psutil.Error:
        return f"{child}, which had ended and was not waited for"


def release_failed_test() -> None:
    """Free what the traceback of a failed test keeps alive, so that its ResourceWarnings do not fail the next test."""
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in ("last_exc", "last_type", "last_value", "last_traceback"):
                if hasattr(sys, name):
                    delattr(sys, name)
            gc.collect()
    finally:
        sys.unraisablehook = hook
