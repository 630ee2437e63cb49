"""What the relay benchmark writes: a table for a terminal, JSON and a plot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from benchmarks.relay.goals import ROWS, Outcome, Round, judge_all, medians
from benchmarks.relay.load import Load, Measurement
from benchmarks.relay.relays import RELAYS, node_problem, python_problem
from benchmarks.relay.report import FORMAT, make_report, run_notes, write_files
from benchmarks.relay.scenarios import SCENARIOS
from benchmarks.relay.table import WIDTH, figure, goal_lines, note_lines, relay_lines

if TYPE_CHECKING:
    from pathlib import Path


def measured(scenario: str, relay: str, size: float) -> Measurement:
    load = SCENARIOS[scenario].load
    return Measurement(
        relay=relay,
        load=load,
        seconds=1.0,
        round_trips=100_000,
        cpu_seconds=size,
        busiest_cpu_seconds=size,
        p50_ms=size,
        p99_ms=size,
        idle_kib=size,
        ready_p50_ms=size,
        open_cpu_ms=size,
    )


def everything(size: float) -> Round:
    return {
        (scenario.name, relay): measured(scenario.name, relay, size * (1 + number))
        for scenario in SCENARIOS.values()
        for number, relay in enumerate(scenario.relays)
    }


@pytest.mark.parametrize("size", [0.001, 0.5, 99.0, 2_000.0])
def test_no_line_is_wider_than_a_terminal(size: float) -> None:
    rounds = [everything(size), everything(size * 1.5)]
    lines = [*goal_lines(judge_all(rounds)), *relay_lines(medians(rounds)), *note_lines(["word " * 60, "x" * 70])]
    assert [line for line in lines if len(line) > WIDTH] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_a_row_shows_figures_ratio_goal_and_verdict_apart(row: object) -> None:
    [row] = [one for one in ROWS if one is row]
    outcome = Outcome(row=row, ours=1234.0, peer=99.4, ratio=12.3, low=11.0, high=13.0, met=False)
    line = list(goal_lines([outcome]))[1]
    assert "1234 " in line
    assert f" 99.4{'12.3':>7}  11.0-13.0 " in line
    assert line.endswith("not met")


def test_overload_is_the_verdict() -> None:
    outcome = Outcome(row=ROWS[0], ours=1, peer=1, ratio=1, low=1, high=1, met=False, overloaded=True)
    assert list(goal_lines([outcome]))[1].endswith(" overload")


def test_numbers_have_three_digits_that_count() -> None:
    assert [figure(one) for one in (0.4213, 8.05, 93.14, 335.2, None)] == ["0.42", "8.05", "93.1", "335", "-"]


def test_the_relay_table_compares_each_load_with_node_under_the_same_load() -> None:
    cpu_us = {("flat-out", "client"): 30.0, ("flat-out", "node"): 20.0, ("tls", "client-tls"): 50.0}
    lines = list(relay_lines(cpu_us))
    assert lines[2].split()[-3:] == ["30.0", "1.50", "x"]
    assert lines[-2].split()[-1] == "50.0", "no ratio without Node under that load"
    assert list(relay_lines({})) == []


def test_a_missing_node_is_said_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert node_problem() == (
        "Node.js isn't installed: install node and npm, then run: python -m benchmarks.relay --install"
    )
    assert "npm package ws isn't installed" in node_problem(command="/bin/node", package=tmp_path / "ws")
    assert node_problem(command="/bin/node", package=tmp_path) == ""


def test_missing_packages_are_named_as_pip_knows_them() -> None:
    assert python_problem("json", "no_such_thing") == "Not installed: run: pip install no-such-thing"
    assert python_problem("json") == ""


def test_notes_say_once_why_relays_are_missing() -> None:
    notes = run_notes([], {"node": "Node.js isn't installed.", "node-tls": "Node.js isn't installed."}, [], 0.0, "all")
    assert notes[1] == "Not compared: Node + ws; Node + ws, TLS upstream. Node.js isn't installed."


def test_notes_name_overload_problems_and_a_busy_machine() -> None:
    slow = Measurement(relay="client", load=Load(sessions=150, pace=50), seconds=1.0, round_trips=1)
    notes = run_notes([{("speech", "client"): slow}], {}, ["it broke", "it broke"], 0.5, "relay on core 0")
    assert notes == [
        "Relay on core 0. Other programs used 50% of the machine.",
        "DO NOT KEEP latencies and times to ready: the machine was busy. Ratios have a wide range then.",
        "150 sessions at 50 chunks/s: bridge, client endpoint could not carry the load.",
        "it broke",
    ]


def test_the_files_have_goals_medians_and_every_measurement(tmp_path: Path) -> None:
    rounds = [everything(1.0), everything(2.0)]
    report = make_report(
        date="2026-11-28",
        machine={"cores": 2, "python": "3.11.7"},
        settings={"rounds": 2},
        rounds=rounds,
        outcomes=judge_all(rounds),
        notes=["a note"],
        missing={"aiohttp": "Not installed"},
    )
    write_files(report, medians(rounds), json_file=tmp_path / "new" / "a.json", plot_file=tmp_path / "a.svg")
    read = json.loads((tmp_path / "new" / "a.json").read_text())
    assert read["format"] == FORMAT
    assert set(read) == {
        "format",
        "date",
        "machine",
        "settings",
        "goals",
        "cpu_us",
        "notes",
        "missing",
        "rounds",
    }
    assert [goal["key"] for goal in read["goals"]] == [row.key for row in ROWS]
    goal_fields = {"key", "title", "unit", "goal", "ours", "peer", "ratio", "low", "high", "met", "overloaded"}
    assert set(read["goals"][0]) == goal_fields
    assert [len(one) for one in read["rounds"]] == [len(rounds[0])] * 2
    assert {"scenario", "relay", "load", "cpu_us", "p99_ms", "kept_up"} <= set(read["rounds"][0][0])
    text = "".join(ET.fromstring((tmp_path / "a.svg").read_bytes()).itertext())  # noqa: S314 - ours
    assert RELAYS["picows"].title in text
    assert "2026-11-28, 2 cores, CPython 3.11.7" in text


def test_without_paths_no_files_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_files({}, {}, json_file=None, plot_file=None)
    assert list(tmp_path.iterdir()) == []
