"""The figures of several workers as one: each writes its own into a private folder, whoever is asked adds them up.

What a worker counted outlives it (counters must never fall); its gauges go with it. A disk that is full or a folder
that is gone costs figures and nothing else: no caller is cut off for them.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from bridge.telemetry.metrics import MetricsSnapshot, merge_snapshots

if TYPE_CHECKING:
    from pathlib import Path

_PAST = "past.figures"
_decoder = msgspec.json.Decoder(MetricsSnapshot)


class WorkerSnapshots:
    """The folder, as one worker sees it."""

    def __init__(self, folder: Path, slot: int) -> None:
        self._folder, self._slot = folder, slot

    def write(self, own: MetricsSnapshot) -> None:
        """Put this worker's figures down for the others."""
        _write(self._folder, _name(self._slot), own)

    def merge_workers(self, own: MetricsSnapshot) -> MetricsSnapshot:
        """Add the others' to these, which are put down too: no count that was shown is lost with this worker."""
        self.write(own)
        return merge_snapshots([own, *_read_all(self._folder, without=_name(self._slot))])


def retire(folder: Path, slot: int, *, restarted: bool) -> None:
    """Keep what a worker counted that is gone."""
    file = folder / _name(slot)
    gone = _read_all(folder, without="", only=(file.name, _PAST))
    past = merge_snapshots(gone, without_gauges=True)
    if restarted:
        restarts = past.values.setdefault("worker_restarts_total", {}).setdefault("", [0.0])
        restarts[0] += 1
    _write(folder, _PAST, past)
    with suppress(OSError):
        file.unlink(missing_ok=True)


def _name(slot: int) -> str:
    return f"worker-{slot}.figures"


def _write(folder: Path, name: str, snapshot: MetricsSnapshot) -> None:
    """Write at once or not at all: somebody may be reading."""
    fresh = folder / f"{name}.new"
    with suppress(OSError):
        fresh.write_bytes(msgspec.json.encode(snapshot))
        fresh.replace(folder / name)


def _read_all(folder: Path, *, without: str, only: tuple[str, ...] | None = None) -> list[MetricsSnapshot]:
    found: list[MetricsSnapshot] = []
    for file in sorted(folder.glob("*.figures")):
        if file.name == without or (only is not None and file.name not in only):
            continue
        try:
            found.append(_decoder.decode(file.read_bytes()))
        except (OSError, msgspec.DecodeError):  # gone meanwhile
            continue
    return found
