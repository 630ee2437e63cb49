"""Several processes on one listening socket, and the one that watches over them.

A worker that dies is replaced, as often as it takes but not faster than every so often. SIGTERM and SIGINT are passed
on as SIGTERM: the first drains, the second ends. No trio in the watching process: it only waits.
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

#: A worker that lived shorter than this is replaced only after a wait, and the wait grows.
_STABLE_SECONDS: Final = 5.0
_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Worker:
    slot: int
    started_at: float


class WorkerSupervisor:
    """The processes of one bridge, from the parent's side."""

    def __init__(
        self, settings: BridgeSettings, listening: socket.socket, open_upstream: UpstreamFactory, log: Log
    ) -> None:
        self._settings, self._listening, self._open_upstream, self._log = settings, listening, open_upstream, log
        self._slots = SharedWorkerCounts(settings.workers)
        self._running: dict[int, _Worker] = {}
        self._wait = _FIRST_WAIT
        self._first: signal.Signals | None = None
        """The signal that we go down for."""
        self._parent = os.getpid()

    def run(self, ready: Callable[[], None]) -> signal.Signals:
        """Serve until a signal, and until the last worker is gone; give the signal."""
        with tempfile.TemporaryDirectory(prefix="sherpa-bridge-") as folder:
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, self._pass_on)
            for slot in range(self._settings.workers):
                self._start(slot, Path(folder))
            ready()
            while self._running:
                pid, status = os.wait()
                gone = self._running.pop(pid, None)
                if gone is not None:
                    self._gone(gone, pid, status, Path(folder))
        return self._first or signal.SIGTERM

    def _pass_on(self, number: int, _frame: object) -> None:
        self._first = self._first or signal.Signals(number)
        for pid in self._running:
            with suppress(ProcessLookupError):  # it has ended, and was not waited for yet
                os.kill(pid, signal.SIGTERM)

    def _gone(self, worker: _Worker, pid: int, status: int, folder: Path) -> None:
        """Bury a worker, and start another one unless we are going down."""
        self._slots.clear(worker.slot)
        retire(folder, worker.slot, restarted=self._first is None)
        if self._first:
            return
        how = os.waitstatus_to_exitcode(status)
        self._log.write("error", "worker.replaced", "A worker died and is replaced", pid=pid, exit=how)
        self._wait = _FIRST_WAIT if _age(worker) >= _STABLE_SECONDS else min(_LONGEST_WAIT, self._wait * 2)
        time.sleep(self._wait)
        self._start(worker.slot, folder)

    def _start(self, slot: int, folder: Path) -> None:
        signals = (signal.SIGTERM, signal.SIGINT)
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # a signal in between would be lost to the new one
        pid = 0 if self._first else os.fork()
        if pid or self._first:
            if pid:
                self._running[pid] = _Worker(slot, time.monotonic())
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
            return
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells all of us; the parent passes it on
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._slots.claim(slot)
            trio.run(self._serve, slot, folder)
            code = 0
        except BaseException as error:  # noqa: BLE001 - whatever it was, this process must not go on as its parent
            self._log.write_error("worker.died", "A worker could not go on", error=error)
        finally:
            if os.getppid() != self._parent:  # nobody else is left to tidy up
                shutil.rmtree(folder, ignore_errors=True)
            sys.stderr.flush()
            os._exit(code)

    async def _serve(self, slot: int, folder: Path) -> None:
        sheets = WorkerSnapshots(folder, slot)
        shared = SharedState(
            worker_counts=self._slots,
            used_tickets=FolderUsedTickets(folder),
            merge_workers=sheets.merge_workers,
            now=time.monotonic,
        )
        await serve_worker(
            self._settings,
            self._listening,
            self._open_upstream,
            log=self._log,
            shared=shared,
            snapshots=sheets,
            parent_pid=self._parent,
            signals=(signal.SIGTERM,),
            ready=_unblock,
        )


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))


def _age(worker: _Worker) -> float:
    return time.monotonic() - worker.started_at
