"""The goals of the bridge's hot path, one row each, and whether a run met them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks.relay.load import Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Differences of latency that the load generator can't tell.
_TIMER_MS: Final = 0.05

#: One round: what was measured, by the names of scenario and relay.
Round = dict[tuple[str, str], Measurement]


def cpu_us(one: Measurement) -> float:
    """CPU time of a round trip."""
    return one.cpu_us


def busiest_cpu_us(one: Measurement) -> float:
    """CPU time of a round trip in the busiest worker."""
    return one.busiest_cpu_us


def p50_ms(one: Measurement) -> float:
    """Median latency."""
    return one.p50_ms


def p99_ms(one: Measurement) -> float:
    """99th percentile of the latency."""
    return one.p99_ms


def ready_ms(one: Measurement) -> float:
    """Median time from the upgrade to a ready session."""
    return one.ready_p50_ms


def open_cpu_ms(one: Measurement) -> float:
    """CPU time of opening a session."""
    return one.open_cpu_ms


def idle_kib(one: Measurement) -> float:
    """Memory of an idle session."""
    return one.idle_kib


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a row must reach. All limits that are set must hold."""

    ratio_most: float | None = None
    """Ours by the peer's."""
    gain_least: float | None = None
    """The peer's by ours."""
    value_below: float | None = None
    no_worse: bool = False
    """Our figure is no higher than the peer's. For differences of times, whose ratio means little near zero."""

    def text(self) -> str:
        """Return the goal for the table: the limit that stands first."""
        if self.value_below is not None:
            return f"< {self.value_below:g}"
        if self.gain_least is not None:
            return f">= {self.gain_least:g} x"
        return "" if self.ratio_most is None else f"<= {self.ratio_most:g} x"

    def met(self, value: float, ratio: float | None, peer: float | None = None) -> bool | None:
        """Return whether the goal is met; None without a goal, or if the peer it needs was not measured."""
        if self == Goal():
            return None
        if ratio is None and (self.ratio_most is not None or self.gain_least is not None):
            return None
        if peer is None and self.no_worse:
            return None
        return (
            (self.value_below is None or value < self.value_below)
            and (not self.no_worse or peer is None or value <= peer + _TIMER_MS)
            and (self.ratio_most is None or ratio is None or ratio <= self.ratio_most)
            and (self.gain_least is None or ratio is None or ratio >= self.gain_least)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the result: a figure of ours, the same figure of a peer, and the goal."""

    key: str
    title: str
    unit: str
    figure: Callable[[Measurement], float]
    ours: tuple[str, str]
    """Scenario and relay."""
    peer: tuple[str, str] | None = None
    beyond: tuple[str, str] | None = None
    """What is subtracted from both: the time of the load generator and the upstream alone."""
    goal: Goal = Goal()

    def values(self, measured: Round) -> tuple[float, float | None] | None:
        """Return our figure and the peer's in one round; None if ours was not measured."""
        base = self._read(measured, self.beyond) if self.beyond else 0.0
        ours = self._read(measured, self.ours)
        if ours is None or base is None:
            return None
        peer = self._read(measured, self.peer)
        return max(0.0, ours - base), None if peer is None else max(0.0, peer - base)

    def _read(self, measured: Round, key: tuple[str, str] | None) -> float | None:
        found = measured.get(key) if key is not None else None
        return None if found is None or not found.tells else self.figure(found)


_NODE_FLAT: Final = ("flat-out", "node")

ROWS: Final = (
    Row(
        key="flat-out",
        title="50 flat out: Node",
        unit="us",
        figure=cpu_us,
        ours=("flat-out", "client"),
        peer=_NODE_FLAT,
        goal=Goal(ratio_most=1.2),
    ),
    Row(
        key="speech",
        title="150 at 50 chunks/s: Node",
        unit="us",
        figure=cpu_us,
        ours=("speech", "client"),
        peer=("speech", "node"),
        goal=Goal(ratio_most=1.2),
    ),
    Row(
        key="native",
        title="native, 50 flat out: Node",
        unit="us",
        figure=cpu_us,
        ours=("flat-out", "native"),
        peer=_NODE_FLAT,
        goal=Goal(ratio_most=1.1),
    ),
    Row(
        key="tls",
        title="TLS, 50 flat out: Node",
        unit="us",
        figure=cpu_us,
        ours=("tls", "client-tls"),
        peer=("tls", "node-tls"),
        goal=Goal(ratio_most=1.2),
    ),
    Row(
        key="callers-1000",
        title="1,000 callers: 50 callers",
        unit="us",
        figure=cpu_us,
        ours=("long-1000", "client"),
        peer=("long-50", "client"),
        goal=Goal(ratio_most=1.2),
    ),
    Row(
        key="workers",
        title="busiest of 2 workers: 1 worker",
        unit="us",
        figure=busiest_cpu_us,
        ours=("two-workers", "client-workers"),
        peer=("one-worker", "client"),
        goal=Goal(gain_least=1.8),
    ),
    Row(
        key="added-p50",
        title="added p50 at half load: Node",
        unit="ms",
        figure=p50_ms,
        ours=("half-load", "client"),
        peer=("half-load", "node"),
        beyond=("half-load", "direct"),
        goal=Goal(value_below=0.5, no_worse=True),
    ),
    Row(
        key="added-p99",
        title="added p99 at half load: Node",
        unit="ms",
        figure=p99_ms,
        ours=("half-load", "client"),
        peer=("half-load", "node"),
        beyond=("half-load", "direct"),
        goal=Goal(value_below=5.0, no_worse=True),
    ),
    Row(
        key="ready",
        title="50 ready at once: Node",
        unit="ms",
        figure=ready_ms,
        ours=("ready", "client"),
        peer=("ready", "node"),
        beyond=("ready", "direct"),
        goal=Goal(value_below=10.0),
    ),
    Row(
        key="open",
        title="CPU to open a session: Node",
        unit="ms",
        figure=open_cpu_ms,
        ours=("ready", "client"),
        peer=("ready", "node"),
    ),
    Row(
        key="idle-bridge",
        title="idle session of the bridge",
        unit="KiB",
        figure=idle_kib,
        ours=("idle", "client"),
        goal=Goal(value_below=40.0),
    ),
    Row(
        key="idle-simulator",
        title="idle session of the simulator",
        unit="KiB",
        figure=idle_kib,
        ours=("idle", "simulator"),
        goal=Goal(value_below=20.0),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A row after all rounds: medians, the range of the ratio over the rounds, and the verdict."""

    row: Row
    ours: float | None
    """None: the bridge answered too few chunks for a figure."""
    peer: float | None
    ratio: float | None
    """The median of the rounds' ratios: ours by the peer's, or the gain where the goal is one."""
    low: float | None
    high: float | None
    met: bool | None
    overloaded: bool = False
    """The bridge did not carry the load, so the figures say too little; the goal is not met."""

    def to_json(self) -> dict[str, Any]:
        """Return the outcome for the JSON file."""
        row = {"key": self.row.key, "title": self.row.title, "unit": self.row.unit, "goal": self.row.goal.text()}
        figures = {"ours": self.ours, "peer": self.peer, "ratio": self.ratio, "low": self.low, "high": self.high}
        rounded = {name: None if value is None else round(value, 3) for name, value in figures.items()}
        return {**row, **rounded, "met": self.met, "overloaded": self.overloaded}


def median(values: Sequence[float]) -> float:
    """Return the median; of an even number of values, the mean of the two in the middle. Raises IndexError if empty."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def judge(row: Row, rounds: Sequence[Round]) -> Outcome | None:
    """Return the outcome of a row; None if the bridge was not measured."""
    if not any(row.ours in measured for measured in rounds):
        return None
    values = [found for measured in rounds if (found := row.values(measured)) is not None]
    ours = median([one for one, _ in values]) if values else None
    peers = [other for _, other in values if other is not None]
    peer = median(peers) if peers else None
    ratios = [_ratio(row.goal, one, other) for one, other in values if one and other]
    ratio = median(ratios) if ratios else None
    overloaded = any(not measured[row.ours].kept_up for measured in rounds if row.ours in measured)
    return Outcome(
        row=row,
        ours=ours,
        peer=peer,
        ratio=ratio,
        low=min(ratios, default=None),
        high=max(ratios, default=None),
        met=False if overloaded else None if ours is None else row.goal.met(ours, ratio, peer),
        overloaded=overloaded,
    )


def _ratio(goal: Goal, ours: float, peer: float) -> float:
    return peer / ours if goal.gain_least is not None else ours / peer


def judge_all(rounds: Sequence[Round], rows: Sequence[Row] = ROWS) -> list[Outcome]:
    """Return the outcomes of all rows that were measured."""
    return [outcome for row in rows if (outcome := judge(row, rounds)) is not None]


def _is_relay(one: Measurement) -> bool:
    """Return whether the measurement has round trips through a relay."""
    return one.load.speaking and one.relay != "direct"


def medians(rounds: Sequence[Round]) -> Mapping[tuple[str, str], float]:
    """Return the median CPU time of a round trip by scenario and relay, in the order of the first round.

    Relays that carried too little of the load are left out.
    """
    keys = dict.fromkeys(key for measured in rounds for key, one in measured.items() if _is_relay(one))
    found = {
        key: [measured[key].cpu_us for measured in rounds if key in measured and measured[key].tells] for key in keys
    }
    return {key: median(values) for key, values in found.items() if any(values)}
