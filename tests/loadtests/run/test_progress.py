"""The two lines of the progress display."""

from __future__ import annotations

from loadtests.run.progress import progress_bar, progress_lines, show_progress
from tests.loadtests.factories import aggregated, worker_report


def test_it_shows_measured_values_and_a_dash_for_the_rest() -> None:
    aggregator = aggregated(worker_report(calls=2, turns=3, first_audio=420))
    aggregator.tick(2.0, 2)
    assert progress_lines({**aggregator.progress(2.4), "act": "storm: all cut"}).splitlines() == [
        "━━━╌╌╌╌╌╌╌╌╌ 2 of 10 s   2 of 2 callers   storm: all cut",
        "  ready p99 -   first audio p99 420 ms   3 turns",
    ]


def test_the_bar_is_never_longer_than_it_is() -> None:
    assert [progress_bar(share) for share in (-1.0, 0.0, 0.5, 1.0, 7.0)] == [
        "╌" * 12, "╌" * 12, "━" * 6 + "╌" * 6, "━" * 12, "━" * 12,
    ]  # fmt: skip


def test_what_went_wrong_is_named_only_when_it_did() -> None:
    aggregator = aggregated(worker_report(calls=2, errors=4, failed_calls=1, dropped_ms=80))
    assert "4 errors   1 failed calls   80 ms dropped" in progress_lines(aggregator.progress(1))


def test_preparation_is_shown_as_well() -> None:
    assert progress_lines({"doing": "starting Locust"}) == "starting Locust"


def test_nothing_is_written_where_there_is_no_terminal() -> None:
    with show_progress({"TERM": "xterm"}) as on_progress:
        on_progress({})  # would break, were it written
