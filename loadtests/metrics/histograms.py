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
_MOST = 3_600_000_000
_DIGITS, _PLOT_DIGITS = 3, 2
#: Workers report every 3 s. Older seconds are complete.
_SETTLED_SECONDS: Final = 15
#: Later seconds share one entry: 12 hours.
_MOST_SECONDS: Final = 43_200
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
    _growing: dict[int, dict[str, HdrHistogram]] = field(default_factory=dict)
    _settled: dict[int, dict[str, SecondSummary]] = field(default_factory=dict)
    _counted: dict[int, dict[str, float]] = field(default_factory=dict)

    def record_duration(self, name: str, ms: float, at: float, times: int = 1) -> None:
        """Record a duration, `times` times.

        Values are clamped to the range from 1 us to 1 h.
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
        """Return the names that have any data."""
        return frozenset(name for _, name in (*self._durations, *self._counts))

    def phases(self) -> tuple[str, ...]:
        """Return the phases that have any data, in the order in which they started."""
        return tuple(dict.fromkeys(phase for phase, _ in (*self._durations, *self._counts)))

    def histogram(self, name: str, phase: str | None = None) -> HdrHistogram | None:
        """Return the histogram of a duration in microseconds, for one phase or all; None without data."""
        parts = [kept for (at, known), kept in self._durations.items() if known == name and phase in (None, at)]
        if not parts:
            return None
        whole = _histogram()
        for part in parts:
            whole.add(part)
        return whole

    def percentile(self, name: str, percentile: float, phase: str | None = None) -> float | None:
        """Return a percentile of a duration in ms; None without data."""
        whole = self.histogram(name, phase)
        return None if whole is None else whole.get_value_at_percentile(percentile) / _US_PER_MS

    def total(self, name: str, phase: str | None = None) -> float | None:
        """Return the sum of a count (the maximum for a peak), or the number of durations; None without data."""
        whole = self.histogram(name, phase)
        if whole is not None:
            return float(whole.get_total_count())
        parts = [amount for (at, known), amount in self._counts.items() if known == name and phase in (None, at)]
        if name in PEAK_MEASURES:
            return max(parts, default=None)
        return sum(parts) if parts else None

    def durations_by_second(self, name: str) -> dict[int, SecondSummary]:
        """Return a duration second by second."""
        for second in list(self._growing):
            self._settle(second)
        return {at: kept[name] for at, kept in sorted(self._settled.items()) if name in kept}

    def counts_by_second(self, name: str) -> dict[int, float]:
        """Return a count second by second, without the empty seconds."""
        return {at: counted[name] for at, counted in sorted(self._counted.items()) if name in counted}

    def export_and_clear(self) -> dict[str, Any]:
        """Return everything as plain values and clear it, so that the next export starts empty."""
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
        """Add an export of another process."""
        for phase, name, text in wire["durations"]:
            self._histogram(name, phase).decode_and_add(text)
        for phase, name, amount in wire["counts"]:
            self._counts[phase, name] = self._counts.get((phase, name), 0) + amount
        for at, name, text in wire["seconds"]:
            if at not in self._settled:  # too late for the plot, but it counts in the totals
                self._second(at, name).decode_and_add(text)
        for at, name, amount in wire["counted"]:
            counted = self._counted.setdefault(at, {})
            counted[name] = counted.get(name, 0) + amount

    def compact(self, now: float) -> None:
        """Reduce the histograms of seconds that are complete."""
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
