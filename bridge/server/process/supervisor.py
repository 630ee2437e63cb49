"""Several worker processes on one listening socket, and the parent process that supervises them.

A worker that dies is replaced, after a wait that grows if workers die quickly, and one that hangs is killed first. The
parent forwards SIGTERM and SIGINT as SIGTERM: the first drains the workers, the second stops them. It runs no trio.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bridge.server.process.signals import DUMP, RELOAD, logged_reload, signal_all
from bridge.server.process.systemd import ServiceManager
from bridge.server.process.watchdog import BEAT_SECONDS, Watchdog
from bridge.server.process.worker_metrics import retire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.server.config.settings import BridgeSettings
    from bridge.server.process.worker_process import WorkerProcess
    from bridge.telemetry.log import Log

#: If a worker ran for less time than this, the wait before the next one doubles.
_STABLE_SECONDS: Final = 5.0
_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 5.0
#: For a worker that hangs to write its stacks, which says where, before it is killed.
_DUMP_SECONDS: Final = 0.2
#: Signals during a fork would be lost for the new worker.
_BLOCKED: Final = (signal.SIGTERM, signal.SIGINT, RELOAD)


@dataclass(frozen=True, slots=True)
class _Running:
    slot: int
    started_at: float


class WorkerSupervisor:
    """The worker processes of one bridge. Runs in the parent."""

    def __init__(
        self,
        settings: BridgeSettings,
        worker: WorkerProcess,
        log: Log,
        *,
        reload: Callable[[], BridgeSettings] | None = None,
        manager: ServiceManager | None = None,
    ) -> None:
        """`reload` reads the settings again, at SIGHUP. `manager` is told what happens."""
        self._settings, self._worker, self._log, self._reload = settings, worker, log, reload
        self._manager = manager or ServiceManager()
        self._running: dict[int, _Running] = {}
        self._due: dict[int, float] = {}
        """When which slot gets its next worker."""
        self._wait = _FIRST_WAIT
        self._watchdog = Watchdog(time.monotonic())
        self._first: signal.Signals | None = None
        """The signal that started the shutdown."""

    def run(self, ready: Callable[[], None]) -> signal.Signals:
        """Serve until a signal and until the last worker has ended; return the signal. `ready` is called once."""
        self._log.never_wait()
        with tempfile.TemporaryDirectory(prefix="sherpa-bridge-") as name, self._woken_by_signals() as woken:
            folder = Path(name)
            for slot in range(self._settings.workers):
                self._start(slot, folder)
            ready()
            while self._running or (self._due and not self._first):
                select.select([woken], [], [], BEAT_SECONDS / 2)
                with suppress(BlockingIOError):
                    os.read(woken, 4096)
                self._manager.beat()
                self._reap(folder)
                self._kill_hung()
                for slot in [slot for slot, at in self._due.items() if at <= time.monotonic() and not self._first]:
                    del self._due[slot]
                    self._start(slot, folder)
        return self._first or signal.SIGTERM

    @contextmanager
    def _woken_by_signals(self) -> Iterator[int]:
        """Handle signals, and give a descriptor that is readable after one."""
        woken, wake = os.pipe()  # no pipe2: macOS has none
        os.set_blocking(woken, False)
        os.set_blocking(wake, False)
        before = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._forward_stop)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.signal(RELOAD, self._forward_reload)
        signal.signal(DUMP, lambda _number, _frame: signal_all(self._running, DUMP))
        try:
            yield woken
        finally:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.set_wakeup_fd(before)
            os.close(woken)
            os.close(wake)

    def _forward_stop(self, number: int, _frame: object) -> None:
        if self._first is None:
            self._manager.stopping()
        self._first = self._first or signal.Signals(number)
        signal_all(self._running, signal.SIGTERM)

    def _forward_reload(self, _number: int, _frame: object) -> None:
        """Let the workers read the settings again, if they are good; workers that start later have them, too."""
        if self._reload is None:
            return
        with logged_reload(self._log, self._manager):
            self._settings = self._settings.reloaded(self._reload())
            signal_all(self._running, RELOAD)

    def _reap(self, folder: Path) -> None:
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            ended = self._running.pop(pid, None)
            if ended is not None:
                self._on_worker_exit(ended, pid, status, folder)

    def _on_worker_exit(self, worker: _Running, pid: int, status: int, folder: Path) -> None:
        """Clean up after a worker, and plan another one unless the bridge is shutting down."""
        self._worker.shared.clear(worker.slot)
        retire(folder, worker.slot, restarted=self._first is None)
        if self._first:
            return
        exit_code = os.waitstatus_to_exitcode(status)
        self._log.write("error", "worker.replaced", "A worker died and is replaced", pid=pid, exit=exit_code)
        now = time.monotonic()
        self._wait = _FIRST_WAIT if now - worker.started_at >= _STABLE_SECONDS else min(_LONGEST_WAIT, self._wait * 2)
        self._due[worker.slot] = now + self._wait

    def _kill_hung(self) -> None:
        beats, now = self._worker.shared.beats, time.monotonic()
        last = {pid: max(one.started_at, beats[one.slot]) for pid, one in self._running.items()}
        for pid in self._watchdog.hung(last, now):
            silent = round(now - last[pid], 1)
            self._log.write("error", "worker.hung", "A worker hangs and is killed", pid=pid, silentSeconds=silent)
            signal_all([pid], DUMP)
            time.sleep(_DUMP_SECONDS)
            signal_all([pid], signal.SIGKILL)

    def _start(self, slot: int, folder: Path) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
        pid = 0 if self._first else os.fork()
        if pid or self._first:
            if pid:
                self._running[pid] = _Running(slot, time.monotonic())
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _BLOCKED)
            return
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            code = self._worker.run(self._settings, slot, folder, _unblock, self._log)
        finally:
            with suppress(AttributeError, OSError, ValueError):
                sys.stderr.flush()
            os._exit(code)


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _BLOCKED)
