"""What is measured: loads, and the relays that carry each of them. A table, in the order of the measurements."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from benchmarks.relay.load import Load, Measurement

#: Chunks a second of a caller with 20 ms chunks.
_SPEECH_PACE: Final = 50.0
_HALF: Final = 0.5
#: Callers at half load: enough for a percentile, and no more than the load generator can time well.
_FEWEST, _MOST = 10, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A load, and the relays that are measured with it, one after another in each round."""

    name: str
    title: str
    load: Load
    relays: tuple[str, ...]
    slow: bool = False
    """Measured only with --all."""
    once: bool = False
    """Measured in the first round only."""


_FLAT: Final = Load(sessions=50)
_IDLE: Final = Load(sessions=200, speaking=False)
_LONG: Final = Load(sessions=50, pace=10, chunk_ms=100)

SCENARIOS: Final = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            name="flat-out",
            title="50 sessions flat out",
            load=_FLAT,
            relays=("client", "native", "node", "picows"),
        ),
        Scenario(
            name="speech",
            title="150 sessions at 50 chunks/s",
            load=Load(sessions=150, pace=_SPEECH_PACE),
            relays=("client", "node", "picows"),
        ),
        Scenario(name="tls", title="50 flat out, TLS upstream", load=_FLAT, relays=("client-tls", "node-tls")),
        Scenario(
            name="half-load",
            title="half a core at 50 chunks/s",
            load=Load(sessions=50, pace=_SPEECH_PACE),
            relays=("client", "node", "direct"),
        ),
        Scenario(name="long-50", title="50 sessions, 100 ms chunks", load=_LONG, relays=("client",), once=True),
        Scenario(
            name="long-1000",
            title="1,000 sessions, 100 ms chunks",
            load=replace(_LONG, sessions=1000),
            relays=("client",),
            once=True,
        ),
        Scenario(
            name="one-worker",
            title="40 sessions, 1 worker",
            load=Load(sessions=40, pace=_SPEECH_PACE),
            relays=("client",),
        ),
        Scenario(
            name="two-workers",
            title="80 sessions, 2 workers",
            load=Load(sessions=80, pace=_SPEECH_PACE),
            relays=("client-workers",),
        ),
        Scenario(
            name="ready",
            title="50 sessions requested at once",
            load=Load(sessions=50, speaking=False, at_once=50),
            relays=("client", "node", "direct"),
        ),
        Scenario(name="idle", title="200 idle sessions", load=_IDLE, relays=("client", "simulator"), once=True),
        Scenario(
            name="others",
            title="50 flat out, other libraries",
            load=_FLAT,
            relays=("aiohttp", "trio-websocket"),
            slow=True,
        ),
        Scenario(
            name="one-session",
            title="1 session flat out",
            load=replace(_FLAT, sessions=1),
            relays=("client", "node", "picows"),
            slow=True,
        ),
    )
}


def half_load(*measured: Measurement | None) -> Load:
    """Return the load that uses half a core of the bridge, from what a round trip cost it in earlier measurements.

    The first of them counts in which the bridge kept up: in overload, the cost of a round trip means little.
    """
    load = SCENARIOS["half-load"].load
    cost = next((one.cpu_us for one in measured if one is not None and one.kept_up and one.cpu_us), None)
    if cost is None:
        return load
    callers = round(_HALF / (cost / 1e6) / load.pace)
    return replace(load, sessions=min(_MOST, max(_FEWEST, callers)))
