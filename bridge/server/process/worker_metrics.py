"""Metrics over all workers: each writes a snapshot into a private folder, and the one that is scraped adds them up.

The counters of a worker that ended are kept, because Prometheus counters must never fall; its gauges are dropped. A
full disk or a missing folder costs metrics only: it never affects a session.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from bridge.telemetry.metrics import MetricsSnapshot, merge_snapshots

if TYPE_CHECKING:
    from pathlib import Path

_RETIRED = "retired.snapshot"
_decoder = msgspec.json.Decoder(MetricsSnapshot)


class WorkerSnapshots:
    """The folder of snapshots, from the view of one worker."""

    def __init__(self, folder: Path, slot: int) -> None:
        self._folder, self._slot = folder, slot

    def write(self, own: MetricsSnapshot) -> None:
        """Write this worker's snapshot for the others."""
        _write(self._folder, _name(self._slot), own)

    def merge_workers(self, own: MetricsSnapshot) -> MetricsSnapshot:
        """Return the sum over all workers. Writes the own snapshot first, so that no reported count can be lost."""
        self.write(own)
        return merge_snapshots([own, *_read_all(self._folder, without=_name(self._slot))])


def retire(folder: Path, slot: int, *, restarted: bool) -> None:
    """Keep the counters of a worker that has ended, and count its restart."""
    file = folder / _name(slot)
    ended = _read_all(folder, without="", only=(file.name, _RETIRED))
    retired = merge_snapshots(ended, without_gauges=True)
    if restarted:
        restarts = retired.values.setdefault("worker_restarts_total", {}).setdefault("", [0.0])
        restarts[0] += 1
    _write(folder, _RETIRED, retired)
    with suppress(OSError):
        file.unlink(missing_ok=True)


def _name(slot: int) -> str:
    return f"worker-{slot}.snapshot"


def _write(folder: Path, name: str, snapshot: MetricsSnapshot) -> None:
    """Write atomically: another worker may be reading."""
    fresh = folder / f"{name}.new"
    with suppress(OSError):
        fresh.write_bytes(msgspec.json.encode(snapshot))
        fresh.replace(folder / name)


def _read_all(folder: Path, *, without: str, only: tuple[str, ...] | None = None) -> list[MetricsSnapshot]:
    found: list[MetricsSnapshot] = []
    for file in sorted(folder.glob("*.snapshot")):
        if file.name == without or (only is not None and file.name not in only):
            continue
        try:
            found.append(_decoder.decode(file.read_bytes()))
        except (OSError, msgspec.DecodeError):  # removed meanwhile, or not readable
            continue
    return found
