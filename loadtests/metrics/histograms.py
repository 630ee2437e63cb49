"""The measurements of one process, or merged from many: durations as histograms, counts as sums, by phase and second.

Workers send theirs to the master in pieces (`export_and_clear`, `merge`). The merged result equals what a single
process would have collected. Memory is bounded by the number of phases and the minutes of the run: the histograms of a
second are reduced to a few percentiles once no more data for it can arrive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from hdrh.histogram import HdrHistogram

from loadtests.metrics.measures import FIRST_PHASE, MIN_US, PEAK_MEASURES

#: Histograms count microseconds up to an hour: three significant digits for totals, two for plots.
_MAX_US = 3_600_000_000
_DIGITS, _PLOT_DIGITS = 3, 2
#: Workers report every 3 s. Older seconds are complete.
_COMPLETE_AFTER_SECONDS: Final = 15
#: Later seconds share one entry: 12 hours.
_MAX_SECONDS: Final = 43_200
_US_PER_MS = 1000

#: The percentiles in plots.
PLOTTED_PERCENTILES = (50.0, 99.0)


@dataclass(frozen=True, slots=True)
class SecondSummary:
    """One duration in one second, reduced to percentiles."""

    count: int
    percentiles: tuple[float, ...]
    """In ms, in the order of `PLOTTED_PERCENTILES`."""


@dataclass(slots=True)
class RunMeasurements:
    """All measurements of a run. `at` is whole seconds since the run started; durations are ms."""

    phase: str = FIRST_PHASE
    """The phase that new measurements belong to."""
    _durations: dict[tuple[str, str], HdrHistogram] = field(default_factory=dict)
    _counts: dict[tuple[str, str], float] = field(default_factory=dict)
    _open_seconds: dict[int, dict[str, HdrHistogram]] = field(default_factory=dict)
    _closed_seconds: dict[int, dict[str, SecondSummary]] = field(default_factory=dict)
    _counts_by_second: dict[int, dict[str, float]] = field(default_factory=dict)

    def record_duration(self, name: str, ms: float, at: float, times: int = 1) -> None:
        """Record a duration, `times` times.

        Values are clamped to the range from 1 us to 1 h.
        """
        us = min(_MAX_US, max(MIN_US, round(ms * _US_PER_MS)))
        self._histogram(name, self.phase).record_value(us, times)
        self._second(int(at), name).record_value(us, times)

    def add_count(self, name: str, amount: float, at: float) -> None:
        """Add to the sum of `name`: that of the run's current phase, and that of the second `at`."""
        key = (self.phase, name)
        self._counts[key] = self._counts.get(key, 0) + amount
        if int(at) < _MAX_SECONDS:
            counts = self._counts_by_second.setdefault(int(at), {})
            counts[name] = counts.get(name, 0) + amount

    def forget_count(self, name: str) -> None:
        """Drop a count whose sum would say less than it seems to."""
        for key in [key for key in self._counts if key[1] == name]:
            del self._counts[key]
        for counts in self._counts_by_second.values():
            counts.pop(name, None)

    def measured_names(self) -> frozenset[str]:
        """Return the names that have any data."""
        return frozenset(name for _, name in (*self._durations, *self._counts))

    def phases(self) -> tuple[str, ...]:
        """Return the phases that have any data, in the order in which they started."""
        return tuple(dict.fromkeys(phase for phase, _ in (*self._durations, *self._counts)))

    def histogram(self, name: str, phase: str | None = None) -> HdrHistogram | None:
        """Return the histogram of a duration in microseconds, for one phase or all; None without data."""
        matching = [
            histogram
            for (at, measured), histogram in self._durations.items()
            if measured == name and phase in (None, at)
        ]
        if not matching:
            return None
        merged = _histogram()
        for part in matching:
            merged.add(part)
        return merged

    def percentile(self, name: str, percentile: float, phase: str | None = None) -> float | None:
        """Return a percentile of a duration in ms; None without data."""
        merged = self.histogram(name, phase)
        return None if merged is None else merged.get_value_at_percentile(percentile) / _US_PER_MS

    def total(self, name: str, phase: str | None = None) -> float | None:
        """Return the sum of a count (the maximum for a peak), or the number of durations; None without data."""
        merged = self.histogram(name, phase)
        if merged is not None:
            return float(merged.get_total_count())
        matching = [
            amount for (at, measured), amount in self._counts.items() if measured == name and phase in (None, at)
        ]
        if name in PEAK_MEASURES:
            return max(matching, default=None)
        return sum(matching) if matching else None

    def durations_by_second(self, name: str) -> dict[int, SecondSummary]:
        """Return a duration second by second."""
        for second in list(self._open_seconds):
            self._close_second(second)
        return {at: histogram[name] for at, histogram in sorted(self._closed_seconds.items()) if name in histogram}

    def counts_by_second(self, name: str) -> dict[int, float]:
        """Return a count second by second, without the empty seconds."""
        return {at: counts[name] for at, counts in sorted(self._counts_by_second.items()) if name in counts}

    def export_and_clear(self) -> dict[str, Any]:
        """Return everything as plain values and clear it, so that the next export starts empty."""
        exported = {
            "durations": [[phase, name, _encoded(histogram)] for (phase, name), histogram in self._durations.items()],
            "counts": [[phase, name, amount] for (phase, name), amount in self._counts.items()],
            "seconds": [
                [at, name, _encoded(histogram)]
                for at, names in self._open_seconds.items()
                for name, histogram in names.items()
            ],
            "counted": [[at, name, n] for at, counts in self._counts_by_second.items() for name, n in counts.items()],
        }
        for histogram in (self._durations, self._counts, self._open_seconds, self._counts_by_second):
            histogram.clear()
        return exported

    def merge(self, exported: dict[str, Any]) -> None:
        """Add an export of another process."""
        for phase, name, text in exported["durations"]:
            self._histogram(name, phase).decode_and_add(text)
        for phase, name, amount in exported["counts"]:
            self._counts[phase, name] = self._counts.get((phase, name), 0) + amount
        for at, name, text in exported["seconds"]:
            if at not in self._closed_seconds:  # too late for the plot, but it counts in the totals
                self._second(at, name).decode_and_add(text)
        for at, name, amount in exported["counted"]:
            counts = self._counts_by_second.setdefault(at, {})
            counts[name] = counts.get(name, 0) + amount

    def compact(self, now: float) -> None:
        """Reduce the histograms of seconds that are complete."""
        for second in [at for at in self._open_seconds if at < now - _COMPLETE_AFTER_SECONDS]:
            self._close_second(second)

    def _close_second(self, second: int) -> None:
        for name, histogram in self._open_seconds.pop(second).items():
            values = tuple(histogram.get_value_at_percentile(p) / _US_PER_MS for p in PLOTTED_PERCENTILES)
            self._closed_seconds.setdefault(second, {})[name] = SecondSummary(histogram.get_total_count(), values)

    def _histogram(self, name: str, phase: str) -> HdrHistogram:
        histogram = self._durations.get((phase, name))
        if histogram is None:
            histogram = self._durations[phase, name] = _histogram()
        return histogram

    def _second(self, at: int, name: str) -> HdrHistogram:
        at = min(at, _MAX_SECONDS)
        names = self._open_seconds.setdefault(at, {})
        histogram = names.get(name)
        if histogram is None:
            histogram = names[name] = HdrHistogram(MIN_US, _MAX_US, _PLOT_DIGITS)
        return histogram


def _histogram() -> HdrHistogram:
    return HdrHistogram(MIN_US, _MAX_US, _DIGITS)


def _encoded(histogram: HdrHistogram) -> str:
    encoded: bytes = histogram.encode()
    return encoded.decode("ascii")
