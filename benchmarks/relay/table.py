"""Writes the results as text of at most 80 columns. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.relay.relays import RELAYS
from benchmarks.relay.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.relay.goals import Outcome

WIDTH: Final = 80
_VERDICTS: Final = {True: "met", False: "not met", None: ""}


def figure(value: float | None) -> str:
    """Return three digits that count: 0.42, 8.05, 93.1, 335."""
    if value is None:
        return "-"
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}"


def _row(title: str, ours: str, peer: str, ratio: str, spread: str, goal: str, verdict: str) -> str:
    return f"{title:35}{ours:>6}{peer:>6}{ratio:>7}{spread:>11}{goal:>7} {verdict}".rstrip()


def goal_lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Return the table of goals: ours, the peer's, the ratio with its range over the rounds, goal and verdict."""
    yield _row("what: compared with", "ours", "peer", "ratio", "min-max", "goal", "")
    for one in outcomes:
        title = f"{one.row.title}, {one.row.unit}"
        spread = "" if one.low is None else f"{figure(one.low)}-{figure(one.high)}"
        ratio = "" if one.ratio is None else figure(one.ratio)
        verdict = "overload" if one.overloaded else _VERDICTS[one.met]
        goal = one.row.goal.text().replace(" ", "").removesuffix("x")
        yield _row(title, figure(one.ours), figure(one.peer), ratio, spread, goal, verdict)


def relay_lines(cpu_us: Mapping[tuple[str, str], float]) -> Iterator[str]:
    """Return the CPU time of a round trip for every relay, by load."""
    if not cpu_us:
        return
    scenario = ""
    yield f"{'CPU time of a round trip':48}{'us':>8}{'by Node':>11}"
    for (name, relay), value in cpu_us.items():
        if name != scenario:
            yield SCENARIOS[name].title
            scenario = name
        node = cpu_us.get((name, "node")) or cpu_us.get((name, "node-tls"))
        ratio = f"{figure(value / node)} x" if node else ""
        yield f"  {RELAYS[relay].title:46}{figure(value):>8}{ratio:>11}".rstrip()
    yield ""


def note_lines(notes: Sequence[str]) -> Iterator[str]:
    """Return what the reader must know, wrapped."""
    for note in notes:
        line = "-"
        for word in note.split():
            if len(line) + 1 + len(word) > WIDTH and line.strip(" -"):
                yield line
                line = " "
            line = f"{line} {word}"
        yield line
