"""What runs in the process of one of several workers, and what the workers share in memory.

A worker whose parent is gone has nobody who would replace it or stop it: it drains, and ends for certain a moment after
the drain time, even if it hangs. It learns of the end by a pipe of which only the parent has the other end. A worker
that is stopped (SIGSTOP) learns nothing, so the system lets it go on when its parent dies.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from bridge.server.admission.identities import SharedLedger
from bridge.server.admission.session_counts import SharedWorkerCounts
from bridge.server.admission.tickets import FolderUsedTickets
from bridge.server.assembly import SharedState
from bridge.server.fallback.other_workers import OtherWorkers
from bridge.server.process.balance import WorkerLoads
from bridge.server.process.signals import continue_without_parent, handle_signals
from bridge.server.process.worker import CLOSE_SECONDS, serve_worker
from bridge.server.process.worker_metrics import WorkerSnapshots
from bridge.server.shared_numbers import SharedBucketTable, SharedNumbers
from bridge.upstream.circuit_breaker import STATE_NUMBERS
from bridge.upstream.dial_limits import DialState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bridge.server.config.settings import BridgeSettings
    from bridge.server.process.worker import UpstreamFactory
    from bridge.telemetry.log import Log

#: How long after the end of its drain a worker without a parent exits by force.
_FORCE_SECONDS: Final = 2.0


class SharedMemory:
    """What each worker tells the parent and the other workers. Make it before the workers are forked."""

    def __init__(self, workers: int) -> None:
        self.sessions, self.identities = SharedWorkerCounts(workers), SharedWorkerCounts(workers)
        self.ledger = SharedLedger(workers)
        self.loads, self.beats = SharedNumbers(workers), SharedNumbers(workers)
        self.dials = DialState(SharedBucketTable(), SharedBucketTable(), SharedNumbers(STATE_NUMBERS))
        self.connections, self.wrong_credentials = SharedBucketTable(), SharedBucketTable()

    def clear(self, slot: int) -> None:
        """Give back what a worker that has ended had counted."""
        self.sessions.clear(slot)
        self.identities.clear(slot)
        self.loads[slot] = self.beats[slot] = 0


class WorkerProcess:
    """Makes a forked process a worker."""

    def __init__(
        self,
        listening: socket.socket,
        open_upstream: UpstreamFactory,
        workers: int,
        *,
        reload: Callable[[], BridgeSettings] | None = None,
        admin: socket.socket | None = None,
    ) -> None:
        """Call it in the parent, which keeps the object as long as it lives."""
        self.shared = SharedMemory(workers)
        self._listening, self._open_upstream, self._reload = listening, open_upstream, reload
        self._admin = admin
        self._lifeline, self._parents_end = os.pipe()
        self._orphaned = False
        """Whether the parent is gone, which would have cleaned up."""

    def run(self, settings: BridgeSettings, slot: int, folder: Path, ready: Callable[[], None], log: Log) -> int:
        """Serve, and return the exit code. Errors are logged. `ready` is called when signals can be handled."""
        os.close(self._parents_end)
        continue_without_parent()
        watch = partial(self._watch_parent, settings.drain_seconds, folder)
        with log.in_background():  # a thread of this process: the parent has none, because it forks
            try:
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the parent forwards it
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                handle_signals(log)
                for shared in (self.shared.sessions, self.shared.identities, self.shared.ledger):
                    shared.claim(slot)
                threading.Thread(target=watch, name="parent-watch", daemon=True).start()
                trio.run(self._serve, settings, slot, folder, ready, log)
            except BaseException as error:  # noqa: BLE001 - after any error it must not continue with the parent's code
                log.write_error("worker.died", "A worker failed", error=error)
                return 1
            finally:
                if self._orphaned:  # a snapshot may have been written while the folder was removed
                    shutil.rmtree(folder, ignore_errors=True)
        return 0

    async def _serve(
        self, settings: BridgeSettings, slot: int, folder: Path, ready: Callable[[], None], log: Log
    ) -> None:
        snapshots = WorkerSnapshots(folder, slot)
        shared = SharedState(
            worker_counts=self.shared.sessions,
            identity_counts=self.shared.identities,
            ledger=self.shared.ledger,
            used_tickets=FolderUsedTickets(folder),
            merge_workers=snapshots.merge_workers,
            others=OtherWorkers(folder, settings.node, slot, settings.workers),
            dials=self.shared.dials,
            connections=self.shared.connections,
            wrong_credentials=self.shared.wrong_credentials,
            now=time.monotonic,
        )
        await serve_worker(
            settings,
            self._listening,
            self._open_upstream,
            admin=self._admin,
            log=log,
            reload=self._reload,
            shared=shared,
            snapshots=snapshots,
            loads=WorkerLoads(self.shared.loads, self.shared.beats, slot),
            signals=(signal.SIGTERM,),
            ready=ready,
        )

    def _watch_parent(self, drain_seconds: float, folder: Path) -> None:
        """Wait in a thread for the end of the parent; then end this process."""
        os.read(self._lifeline, 1)
        self._orphaned = True
        with suppress(OSError):  # another bridge may listen there at once
            self._listening.shutdown(socket.SHUT_RDWR)
        shutil.rmtree(folder, ignore_errors=True)  # the parent can't clean up
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(drain_seconds + CLOSE_SECONDS + _FORCE_SECONDS)
        os._exit(1)
