"""The list of actions of a run."""

from __future__ import annotations

from dataclasses import replace

from reports.model import Moment, Timeline
from reports.render.html.actions import action_timelines
from reports.render.html.limits import LEVELS
from reports.render.html.timelines import sequence_diagrams

RUN = Timeline(
    "load",
    (
        Moment(at=0, who="load", what="begin"),
        Moment(at=8.754, who="load", what="storm", detail="all sockets upstream cut"),
        Moment(at=2112, who="load", what="end"),
    ),
)
SESSION = Timeline("events: audio", (Moment(at=0, who="client", what="session.update"),))


def test_a_step_has_its_time_in_words() -> None:
    (timeline,) = action_timelines([RUN], LEVELS[0]).shown
    assert [(step.at, step.what, step.detail) for step in timeline.rows.shown] == [
        ("0.0 s", "begin", ""),
        ("8.8 s", "storm", "all sockets upstream cut"),
        ("35 min 12 s", "end", ""),
    ]


def test_sessions_are_diagrams_and_runs_are_lists() -> None:
    assert [timeline.name for timeline in action_timelines([RUN, SESSION], LEVELS[0]).shown] == ["load"]
    assert [diagram.name for diagram in sequence_diagrams([RUN, SESSION], LEVELS[0]).shown] == ["events: audio"]


def test_steps_that_are_left_out_are_counted() -> None:
    (timeline,) = action_timelines([RUN], replace(LEVELS[0], moments=2)).shown
    assert timeline.rows.left_out == 1
