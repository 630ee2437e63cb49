"""What callers do during one measurement, and what came of it: plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final

#: Bytes of a millisecond of speech: 24 kHz, 16 bits, one channel.
_BYTES_PER_MS: Final = 48
#: A relay that answers fewer of the chunks that were due can't carry the load.
_KEPT_UP: Final = 0.95
#: With fewer answers than this, most of the CPU time went into chunks that were not answered in time.
_TELLS: Final = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many callers there are, and how they speak."""

    sessions: int
    pace: float = 0.0
    """Chunks a second for each caller. 0: flat out, the next chunk is sent when the last one comes back."""
    chunk_ms: int = 20
    speaking: bool = True
    """False: the sessions are opened and stay idle."""
    seconds: float = 2.0
    """How long to measure."""
    at_once: int = 20
    """How many sessions may be opening at a time."""

    @property
    def pcm(self) -> bytes:
        """One chunk of speech."""
        return bytes(_BYTES_PER_MS * self.chunk_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One relay under one load. CPU and memory are those of the relay's processes, without callers and upstream."""

    relay: str
    load: Load
    seconds: float = 0.0
    """How long the measured part took."""
    round_trips: int = 0
    cpu_seconds: float = 0.0
    busiest_cpu_seconds: float = 0.0
    """The CPU time of the process that used most: of the busiest worker."""
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    idle_kib: float = 0.0
    """Memory of a session that is ready and idle."""
    ready_p50_ms: float = 0.0
    ready_max_ms: float = 0.0
    """From the upgrade to a ready session."""
    open_cpu_ms: float = 0.0
    """CPU time of opening one session."""
    unanswered: int = 0
    errors: tuple[str, ...] = field(default=())

    @property
    def cpu_us(self) -> float:
        """CPU time of a round trip, in microseconds."""
        return self.cpu_seconds / max(1, self.round_trips) * 1e6

    @property
    def busiest_cpu_us(self) -> float:
        """The same, counting the busiest process only: what limits a bridge with several workers."""
        return self.busiest_cpu_seconds / max(1, self.round_trips) * 1e6

    @property
    def kept_up(self) -> bool:
        """Whether the relay answered what was due."""
        return self._answered(_KEPT_UP)

    @property
    def tells(self) -> bool:
        """Whether enough was answered for the figures to mean something."""
        return self._answered(_TELLS)

    def _answered(self, share: float) -> bool:
        return self.round_trips >= share * self.load.sessions * self.load.pace * self.seconds

    def to_json(self) -> dict[str, Any]:
        """Return the measurement for the JSON file."""
        figures = {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(self).items()}
        return {**figures, "cpu_us": round(self.cpu_us, 2), "kept_up": self.kept_up}


def percentile(values: list[float], percent: float) -> float:
    """Return a percentile by the nearest rank; 0.0 without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0
