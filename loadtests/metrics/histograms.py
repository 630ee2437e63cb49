"""What was measured, in one process or in many: durations as histograms, counts as sums, by phase and by second.

A worker's figures travel to the master in pieces (`take`, `merge`); merged, they are exactly what one process would
have collected. Memory is bounded by the number of phases and by the minutes of the run: a second's histograms become a
few numbers once no more of it can arrive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from hdrh.histogram import HdrHistogram

from loadtests.metrics.measures import FIRST_PHASE, MIN_US, PEAK_MEASURES

#: Histograms count microseconds, to an hour: three digits for totals, two for the plot of a second.
_MOST = 3_600_000_000
_DIGITS, _PLOT_DIGITS = 3, 2
#: Workers report every three seconds; what is older than this is complete.
_SETTLED_SECONDS: Final = 15
#: Beyond this no more seconds are kept apart: twelve hours of them.
_MOST_SECONDS: Final = 43_200
_US_PER_MS = 1000

#: The percentiles that a plot shows.
PLOTTED_PERCENTILES = (50.0, 99.0)


@dataclass(frozen=True, slots=True)
class SecondSummary:
    """One second of one duration, settled."""

    count: int
    percentiles: tuple[float, ...]
    """In ms, in the order of `PLOTTED_PERCENTILES`."""


@dataclass(slots=True)
class RunMeasurements:
    """All figures of a run. Times `at` are whole seconds since the run began; durations are ms."""

    phase: str = FIRST_PHASE
    """The name of the phase that new figures belong to."""
    _durations: dict[tuple[str, str], HdrHistogram] = field(default_factory=dict)
    _counts: dict[tuple[str, str], float] = field(default_factory=dict)
    _growing: dict[int, dict[str, HdrHistogram]] = field(default_factory=dict)
    _settled: dict[int, dict[str, SecondSummary]] = field(default_factory=dict)
    _counted: dict[int, dict[str, float]] = field(default_factory=dict)

    def record_duration(self, name: str, ms: float, at: float, times: int = 1) -> None:
        """Note how long something took, once or so often.

        Less than nothing counts as a microsecond, more than an hour as an hour.
        """
        us = min(_MOST, max(MIN_US, round(ms * _US_PER_MS)))
        self._histogram(name, self.phase).record_value(us, times)
        self._second(int(at), name).record_value(us, times)

    def add_count(self, name: str, amount: float, at: float) -> None:
        """Add to a sum."""
        key = (self.phase, name)
        self._counts[key] = self._counts.get(key, 0) + amount
        if int(at) < _MOST_SECONDS:
            counted = self._counted.setdefault(int(at), {})
            counted[name] = counted.get(name, 0) + amount

    def measured_names(self) -> frozenset[str]:
        """Name what was measured at all."""
        return frozenset(name for _, name in (*self._durations, *self._counts))

    def phases(self) -> tuple[str, ...]:
        """Name the phases in which something was measured, in the order in which they began."""
        return tuple(dict.fromkeys(phase for phase, _ in (*self._durations, *self._counts)))

    def histogram(self, name: str, phase: str | None = None) -> HdrHistogram | None:
        """Give a duration's histogram, in microseconds, of one phase or of all; None where nothing was measured."""
        parts = [kept for (at, known), kept in self._durations.items() if known == name and phase in (None, at)]
        if not parts:
            return None
        whole = _histogram()
        for part in parts:
            whole.add(part)
        return whole

    def percentile(self, name: str, percentile: float, phase: str | None = None) -> float | None:
        """Give a percentile of a duration in ms."""
        whole = self.histogram(name, phase)
        return None if whole is None else whole.get_value_at_percentile(percentile) / _US_PER_MS

    def total(self, name: str, phase: str | None = None) -> float | None:
        """Give a count's sum (a peak's highest), or how many durations there were; None where nothing was counted."""
        whole = self.histogram(name, phase)
        if whole is not None:
            return float(whole.get_total_count())
        parts = [amount for (at, known), amount in self._counts.items() if known == name and phase in (None, at)]
        if name in PEAK_MEASURES:
            return max(parts, default=None)
        return sum(parts) if parts else None

    def durations_by_second(self, name: str) -> dict[int, SecondSummary]:
        """Give a duration second by second."""
        for second in list(self._growing):
            self._settle(second)
        return {at: kept[name] for at, kept in sorted(self._settled.items()) if name in kept}

    def counts_by_second(self, name: str) -> dict[int, float]:
        """Give a count second by second; seconds without one are left out."""
        return {at: counted[name] for at, counted in sorted(self._counted.items()) if name in counted}

    def export_and_clear(self) -> dict[str, Any]:
        """Give everything in plain values, and forget it: the next piece begins with nothing."""
        wire = {
            "durations": [[phase, name, _text(kept)] for (phase, name), kept in self._durations.items()],
            "counts": [[phase, name, amount] for (phase, name), amount in self._counts.items()],
            "seconds": [[at, name, _text(kept)] for at, names in self._growing.items() for name, kept in names.items()],
            "counted": [[at, name, n] for at, counted in self._counted.items() for name, n in counted.items()],
        }
        for kept in (self._durations, self._counts, self._growing, self._counted):
            kept.clear()
        return wire

    def merge(self, wire: dict[str, Any]) -> None:
        """Add a piece of somebody else's."""
        for phase, name, text in wire["durations"]:
            self._histogram(name, phase).decode_and_add(text)
        for phase, name, amount in wire["counts"]:
            self._counts[phase, name] = self._counts.get((phase, name), 0) + amount
        for at, name, text in wire["seconds"]:
            if at not in self._settled:  # one that comes so late counts in the totals, and misses its plot
                self._second(at, name).decode_and_add(text)
        for at, name, amount in wire["counted"]:
            counted = self._counted.setdefault(at, {})
            counted[name] = counted.get(name, 0) + amount

    def compact(self, now: float) -> None:
        """Turn the histograms of seconds of which nothing more can come into a few numbers."""
        for second in [at for at in self._growing if at < now - _SETTLED_SECONDS]:
            self._settle(second)

    def _settle(self, second: int) -> None:
        for name, kept in self._growing.pop(second).items():
            values = tuple(kept.get_value_at_percentile(p) / _US_PER_MS for p in PLOTTED_PERCENTILES)
            self._settled.setdefault(second, {})[name] = SecondSummary(kept.get_total_count(), values)

    def _histogram(self, name: str, phase: str) -> HdrHistogram:
        kept = self._durations.get((phase, name))
        if kept is None:
            kept = self._durations[phase, name] = _histogram()
        return kept

    def _second(self, at: int, name: str) -> HdrHistogram:
        at = min(at, _MOST_SECONDS)
        names = self._growing.setdefault(at, {})
        kept = names.get(name)
        if kept is None:
            kept = names[name] = HdrHistogram(MIN_US, _MOST, _PLOT_DIGITS)
        return kept


def _histogram() -> HdrHistogram:
    return HdrHistogram(MIN_US, _MOST, _DIGITS)


def _text(kept: HdrHistogram) -> str:
    encoded: bytes = kept.encode()
    return encoded.decode("ascii")
