"""The results as JSON, and the notes that go with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from benchmarks.relay.goals import medians
from benchmarks.relay.plot import draw
from benchmarks.relay.relays import RELAYS
from benchmarks.relay.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.relay.goals import Outcome, Round

#: Raised when a field changes its meaning.
FORMAT: Final = 1
#: Above this share of the machine, latencies say more about other programs than about a relay.
_BUSY: Final = 0.1


def make_report(
    *,
    date: str,
    machine: Mapping[str, Any],
    settings: Mapping[str, Any],
    rounds: Sequence[Round],
    outcomes: Sequence[Outcome],
    notes: Sequence[str],
    missing: Mapping[str, str],
) -> dict[str, Any]:
    """Return everything that was measured, and what follows from it."""
    return {
        "format": FORMAT,
        "date": date,
        "machine": dict(machine),
        "settings": dict(settings),
        "goals": [outcome.to_json() for outcome in outcomes],
        "cpu_us": [
            {"scenario": scenario, "relay": relay, "median": round(value, 2)}
            for (scenario, relay), value in medians(rounds).items()
        ],
        "notes": list(notes),
        "missing": dict(missing),
        "rounds": [
            [{"scenario": scenario, **one.to_json()} for (scenario, _), one in measured.items()] for measured in rounds
        ],
    }


def run_notes(
    rounds: Sequence[Round], missing: Mapping[str, str], problems: Sequence[str], others: float, cores: str
) -> list[str]:
    """Return what the reader must know to judge the figures: one sentence or two each."""
    notes = [f"{cores[:1].upper()}{cores[1:]}. Other programs used {max(0.0, others):.0%} of the machine."]
    if others > _BUSY:
        notes.append("DO NOT KEEP latencies and times to ready: the machine was busy. Ratios have a wide range then.")
    half = next((one.load for measured in rounds for (name, _), one in measured.items() if name == "half-load"), None)
    if half is not None:
        notes.append(f"Half load was {half.sessions} callers at {half.pace:g} chunks/s.")
    notes += [f"Not compared: {names}. {reason}" for names, reason in _by_reason(missing).items()]
    notes += [
        f"{SCENARIOS[scenario].title}: {RELAYS[relay].title} could not carry the load."
        for scenario, relay in dict.fromkeys(
            key for measured in rounds for key, one in measured.items() if not one.kept_up
        )
    ]
    return [*notes, *dict.fromkeys(problems)]


def _by_reason(missing: Mapping[str, str]) -> dict[str, str]:
    return {
        "; ".join(RELAYS[one].title for one in missing if missing[one] == reason): reason
        for reason in dict.fromkeys(missing.values())
    }


def write_files(
    report: Mapping[str, Any],
    cpu_us: Mapping[tuple[str, str], float],
    *,
    json_file: Path | None,
    plot_file: Path | None,
) -> None:
    """Write the files that were asked for."""
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(report, indent=1) + "\n")
    if plot_file is not None:
        plot_file.parent.mkdir(parents=True, exist_ok=True)
        machine = report["machine"]
        title = f"{report['date']}, {machine['cores']} cores, CPython {machine['python']}"
        plot_file.write_bytes(draw(cpu_us, title))
