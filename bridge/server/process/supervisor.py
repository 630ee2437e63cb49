"""Several worker processes on one listening socket, and the parent process that supervises them.

A worker that dies is replaced, after a wait that grows if workers die quickly. The parent forwards SIGTERM and SIGINT
as SIGTERM: the first drains the workers, the second stops them. The parent runs no trio; it only waits for children.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from bridge.server.admission.session_counts import SharedWorkerCounts
from bridge.server.admission.tickets import FolderUsedTickets
from bridge.server.assembly import SharedState
from bridge.server.process.worker import serve_worker
from bridge.server.process.worker_metrics import WorkerSnapshots, retire

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from bridge.server.config.settings import BridgeSettings
    from bridge.server.process.worker import UpstreamFactory
    from bridge.telemetry.log import Log

#: If a worker ran for less time than this, the wait before the next one doubles.
_STABLE_SECONDS: Final = 5.0
_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Worker:
    slot: int
    started_at: float


class WorkerSupervisor:
    """The worker processes of one bridge. Runs in the parent."""

    def __init__(
        self, settings: BridgeSettings, listening: socket.socket, open_upstream: UpstreamFactory, log: Log
    ) -> None:
        self._settings, self._listening, self._open_upstream, self._log = settings, listening, open_upstream, log
        self._slots = SharedWorkerCounts(settings.workers)
        self._running: dict[int, _Worker] = {}
        self._wait = _FIRST_WAIT
        self._first: signal.Signals | None = None
        """The signal that started the shutdown."""
        self._parent = os.getpid()

    def run(self, ready: Callable[[], None]) -> signal.Signals:
        """Serve until a signal and until the last worker has ended; return the signal. `ready` is called once."""
        self._log.never_wait()
        with tempfile.TemporaryDirectory(prefix="sherpa-bridge-") as folder:
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, self._forward_signal)
            for slot in range(self._settings.workers):
                self._start(slot, Path(folder))
            ready()
            while self._running:
                pid, status = os.wait()
                ended = self._running.pop(pid, None)
                if ended is not None:
                    self._on_worker_exit(ended, pid, status, Path(folder))
        return self._first or signal.SIGTERM

    def _forward_signal(self, number: int, _frame: object) -> None:
        self._first = self._first or signal.Signals(number)
        for pid in self._running:
            with suppress(ProcessLookupError):  # it has ended, and wasn't waited for yet
                os.kill(pid, signal.SIGTERM)

    def _on_worker_exit(self, worker: _Worker, pid: int, status: int, folder: Path) -> None:
        """Clean up after a worker, and start another one unless the bridge is shutting down."""
        self._slots.clear(worker.slot)
        retire(folder, worker.slot, restarted=self._first is None)
        if self._first:
            return
        exit_code = os.waitstatus_to_exitcode(status)
        self._log.write("error", "worker.replaced", "A worker died and is replaced", pid=pid, exit=exit_code)
        self._wait = _FIRST_WAIT if _age(worker) >= _STABLE_SECONDS else min(_LONGEST_WAIT, self._wait * 2)
        time.sleep(self._wait)
        self._start(worker.slot, folder)

    def _start(self, slot: int, folder: Path) -> None:
        signals = (signal.SIGTERM, signal.SIGINT)
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # a signal during the fork would be lost for the new worker
        pid = 0 if self._first else os.fork()
        if pid or self._first:
            if pid:
                self._running[pid] = _Worker(slot, time.monotonic())
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
            return
        code = 1
        try:
            with self._log.in_background():  # a thread of this process: the parent has none, because it forks
                code = self._run_worker(slot, folder)
        finally:
            if os.getppid() != self._parent:  # the parent is gone, so it can't clean up
                shutil.rmtree(folder, ignore_errors=True)
            sys.stderr.flush()
            os._exit(code)

    def _run_worker(self, slot: int, folder: Path) -> int:
        """Serve, and return the exit code. Errors are logged."""
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to every process; the parent forwards it
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._slots.claim(slot)
            trio.run(self._serve, slot, folder)
        except BaseException as error:  # noqa: BLE001 - after any error this process must not continue with the parent's code
            self._log.write_error("worker.died", "A worker failed", error=error)
            return 1
        return 0

    async def _serve(self, slot: int, folder: Path) -> None:
        snapshots = WorkerSnapshots(folder, slot)
        shared = SharedState(
            worker_counts=self._slots,
            used_tickets=FolderUsedTickets(folder),
            merge_workers=snapshots.merge_workers,
            now=time.monotonic,
        )
        await serve_worker(
            self._settings,
            self._listening,
            self._open_upstream,
            log=self._log,
            shared=shared,
            snapshots=snapshots,
            parent_pid=self._parent,
            signals=(signal.SIGTERM,),
            ready=_unblock,
        )


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))


def _age(worker: _Worker) -> float:
    return time.monotonic() - worker.started_at
