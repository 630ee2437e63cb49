"""The report of a run: budgets first, explanations, and the right exit code."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadtests.callers.connect_errors import UpgradeRefused
from loadtests.results import problems
from loadtests.results.audio_audit import AudioAudit
from loadtests.results.findings import FinishedRun
from loadtests.results.report import make_report, report_without_run, run_exit_code
from loadtests.scenarios.plan import RunOptions, make_plan
from reports.model import Finding, Severity
from reports.render import json as as_json
from reports.store.reader import read_report
from tests.loadtests.factories import aggregated, make_test_plan, worker_report, worker_report_of


def codes(finished: FinishedRun) -> list[tuple[str, Severity]]:
    return [(finding.code, finding.severity) for finding in make_report(finished).findings]


def finished(*budgets: str, **measured: float) -> FinishedRun:
    aggregator = aggregated(worker_report(calls=2, ready=20), worker_report_of(measured), budgets=budgets)
    aggregator.finish(10)
    return FinishedRun(aggregator, 10.0)


def test_budgets_come_first_whether_passed_failed_or_without_data() -> None:
    run = finished("errors == 0", "max(turn) < 100ms", "p99(first_audio) < 1s", turn=150)
    report = make_report(run)
    assert [(one.code, one.title) for one in report.findings] == [
        ("LOAD-BUDGET-KEPT", "0"),
        ("LOAD-BUDGET-BROKEN", "max(turn) < 100ms exceeded: 150 ms"),
        ("LOAD-NOTHING-MEASURED", "no data for p99(first_audio) < 1s"),
    ]
    assert run_exit_code(run.aggregator, report) == 1


def broken(budget: str, run: FinishedRun | None = None, **measured: float) -> Finding:
    (found,) = [one for one in make_report(run or finished(budget, **measured)).findings if one.check == budget]
    assert found.code in ("LOAD-BUDGET-BROKEN", "LOAD-NOTHING-MEASURED")
    return found


def test_each_exceeded_budget_has_its_own_meaning_and_next_step() -> None:
    late, lost = broken("max(turn) < 100ms", turn=150), broken("lost_ms == 0", lost_ms=40)
    assert "Answers take long to complete" in late.cause
    assert "sherpa-probe events --script audio" in late.fix
    assert "never reached the service" in lost.cause
    mute = broken("mute_sessions == 0", mute_sessions=1)
    assert mute.fix.endswith("sherpa-probe bridge --url ws://127.0.0.1:8765")


def test_too_little_of_something_means_something_else_than_too_much() -> None:
    swallowed, flooded = broken("errors >= 5", errors=1), broken("errors == 0", errors=1)
    assert "swallows" in swallowed.cause
    assert swallowed.title == "errors >= 5 missed: 1"
    assert "swallows" not in flooded.cause


def test_reasons_have_the_service_s_own_names_and_the_most_frequent_is_the_next_to_look_up() -> None:
    run = finished("errors == 0", "unanswered_turns == 0", errors=5, unanswered_turns=3)
    run.aggregator.count_error("UPSTREAM_ERROR (insufficient_quota)", 4)
    run.aggregator.count_error("INVALID_MESSAGE", 1)
    run.aggregator.count_failed_answers("server_error", 3)
    found = broken("errors == 0", run)
    assert [one.value for one in found.evidence] == [
        "5", "4 x error UPSTREAM_ERROR (insufficient_quota)", "1 x error INVALID_MESSAGE",
    ]  # fmt: skip
    assert found.fix.endswith("sherpa-probe explain insufficient_quota")
    assert "3 x failed answer: server_error" in [one.value for one in broken("unanswered_turns == 0", run).evidence]


def test_what_a_target_sends_never_becomes_a_command() -> None:
    run = finished("errors == 0", errors=5)
    run.aggregator.count_error("x; rm -rf ~ ($(reboot))", 5)
    assert broken("errors == 0", run).fix.endswith("sherpa-probe explain CODE")


@pytest.mark.parametrize("budget", ["p99(first_audio) < 1s", "p99(reconnect@storm) < 3s"])
def test_no_advice_takes_a_budget_away_or_makes_the_report_that_it_stands_in(budget: str) -> None:
    aggregator = aggregated(
        worker_report(calls=2, ready=20), scenario="reconnect-storm", duration="40s", budgets=(budget,)
    )
    found = broken(budget, FinishedRun(aggregator, 40.0))
    assert found.title == f"no data for {budget}"
    assert "didn't happen once" in found.cause
    for problem in problems.PROBLEMS:
        assert "remove the budget" not in problem.fix
        assert "--report html" not in problem.fix


def test_a_run_within_all_budgets_passes() -> None:
    run = finished("errors == 0")
    assert run_exit_code(run.aggregator, make_report(run)) == 0


def test_lost_audio_names_the_callers_that_lost_most() -> None:
    run = finished("lost_ms == 0", lost_ms=60)
    run.aggregator.audio_audit = AudioAudit(callers=2, lost_ms=60, worst_callers=((7, 40.0), (8, 20.0)))
    (broken,) = make_report(run).findings
    assert "caller 7: 40 ms, caller 8: 20 ms" in [one.value for one in broken.evidence]


def test_a_target_that_never_answered_is_no_verdict_on_it() -> None:
    aggregator = aggregated(worker_report(calls=2, failed_connects=9), budgets=("errors == 0",))
    aggregator.count_failure("failed_connects: connection refused", 9)
    run = FinishedRun(aggregator, 10.0)
    assert codes(run) == [("LOAD-TARGET-DOWN", Severity.ERROR), ("LOAD-BUDGET-SKIPPED", Severity.SKIPPED)]
    assert make_report(run).findings[0].evidence[0].value == "9 x failed_connects: connection refused"
    assert run_exit_code(aggregator, make_report(run)) == 3


def test_a_target_that_refuses_everybody_has_failed() -> None:
    aggregator = aggregated(worker_report(calls=2, failed_connects=9))
    aggregator.count_failure(f"failed_connects: {UpgradeRefused(401)}", 9)
    assert codes(FinishedRun(aggregator, 10.0))[0] == ("LOAD-TARGET-REFUSED", Severity.FAIL)


def test_a_target_that_went_down_has_failed() -> None:
    run = finished("errors == 0")
    run.aggregator.is_down = True
    assert codes(run)[0] == ("LOAD-TARGET-WENT-DOWN", Severity.FAIL)


def test_a_target_that_died_is_one_cause_and_not_a_list_of_its_consequences() -> None:
    run = finished("errors == 0", "endings_without_error == 0", "turns >= 40", endings_without_error=6, turns=3)
    run.aggregator.ended = {"bridge": 12.3}
    run.aggregator.is_gone = True
    report = make_report(run)
    assert [(one.code, one.title) for one in report.findings] == [
        ("LOAD-TARGET-ENDED", "The target process ended during the run"),
        ("LOAD-BUDGET-KEPT", "0"),
        ("LOAD-BUDGET-SKIPPED", "skipped: the target process ended"),
        ("LOAD-BUDGET-SKIPPED", "skipped: the target process ended"),
    ]
    assert [one.value for one in report.findings[0].evidence] == [
        "the target process ended after 12 s", "nothing listens at ws://127.0.0.1:8765 any more",
    ]  # fmt: skip
    assert "JSON" in report.findings[0].fix
    assert run_exit_code(run.aggregator, report) == 1


def test_the_phase_in_which_a_target_died_is_named() -> None:
    aggregator = aggregated(worker_report(calls=2, ready=20), scenario="error-flood", duration="40s")
    aggregator.add_moment(8.0, "failing", "service fails")
    aggregator.add_moment(14.0, "outage", "service refuses every connection")
    aggregator.ended = {"bridge": 9.0}
    (found,) = [one for one in make_report(FinishedRun(aggregator, 40.0)).findings if one.check == "target"]
    assert found.evidence[0].value == "the target process ended after 9 s, in the phase failing"


def test_another_process_that_died_makes_the_run_incomplete() -> None:
    run = finished("errors == 0")
    run.aggregator.ended = {"simulator": 4.0}
    assert ("LOAD-INCOMPLETE", Severity.ERROR) in codes(run)
    assert "LOAD-TARGET-ENDED" not in dict(codes(run))


def test_an_interrupted_run_shows_what_it_has_and_proves_nothing() -> None:
    run = finished("errors == 0")
    run.aggregator.interrupted = True
    assert codes(run) == [("LOAD-INTERRUPTED", Severity.ERROR), ("LOAD-BUDGET-KEPT", Severity.PASS)]
    assert run_exit_code(run.aggregator, make_report(run)) == 130


@pytest.mark.parametrize(("lag", "code"), [(19.0, "LOAD-GENERATOR-OK"), (25.0, "LOAD-GENERATOR-LATE")])
def test_the_report_says_whether_the_generator_kept_up(lag: float, code: str) -> None:
    assert code in dict(codes(finished(pace_lag=lag)))


def test_a_budget_that_the_run_cannot_decide_is_neither_passed_nor_failed() -> None:
    run = finished("p99(turn) < 100ms", "stranded_calls == 0", "errors == 0", turn=150)
    report = make_report(run)
    assert [(one.code, one.severity.value, one.title) for one in report.findings] == [
        ("LOAD-INCONCLUSIVE", "error", "p99(turn) < 100ms not decided: 150 ms, too small to prove this"),
        ("LOAD-BUDGET-SKIPPED", "skipped", "skipped: too short to prove this: --duration 13s"),
        ("LOAD-BUDGET-KEPT", "pass", "0"),
    ]
    assert run_exit_code(run.aggregator, report) == 3


def test_memory_of_which_a_short_run_has_no_rate_is_skipped_and_not_missing() -> None:
    (found,) = make_report(finished("memory_grown_mb < 40")).findings
    assert (found.code, found.title) == (
        "LOAD-BUDGET-SKIPPED", "skipped: too short to prove this: --duration 31s",
    )  # fmt: skip


def test_a_late_generator_fails_no_target_and_passes_no_verdict_on_it() -> None:
    run = finished("p50(turn) < 100ms", "sessions_left == 0", turn=150, pace_lag=25, sessions_left=0)
    report = make_report(run)
    assert report.findings[0].title == "p50(turn) < 100ms not decided: 150 ms, the load generator was late"
    assert run_exit_code(run.aggregator, report) == 3
    leaking = finished("p50(turn) < 100ms", "sessions_left == 0", turn=150, pace_lag=25, sessions_left=3)
    assert run_exit_code(leaking.aggregator, make_report(leaking)) == 1, "a leak is a leak"


def test_failed_actions_are_reported() -> None:
    run = finished("errors == 0")
    run.aggregator.errors.append("storm: no simulator there")
    assert ("LOAD-INCOMPLETE", Severity.ERROR) in codes(run)


def test_budgets_that_cannot_be_checked_are_skipped_with_the_reason() -> None:
    aggregator = aggregated(
        worker_report(calls=2, ready=20), control_url=None, memory_known=False, default_budgets=True
    )
    skipped = [one for one in make_report(FinishedRun(aggregator, 10.0)).findings if one.severity is Severity.SKIPPED]
    assert "lost_ms == 0" in [one.check for one in skipped]
    assert all("--control" in one.title for one in skipped)


def test_the_timeline_is_in_order_of_time() -> None:
    run = finished()
    run.aggregator.add_moment(4.0, "storm", "all upstream sockets cut")
    run.aggregator.add_moment(1.0, "callers", "all 2 active")
    (timeline,) = make_report(run).timelines
    assert [moment.what for moment in timeline.moments] == ["begin", "callers", "storm", "end"]


def test_it_is_a_report_like_every_other_and_can_be_read_back() -> None:
    run = finished("errors == 0", "p99(turn) < 1s", turn=150)
    report = make_report(run)
    stored = read_report(as_json.render(report, 0))
    assert stored.report.findings == report.findings
    assert stored.report.series == report.series


def test_a_run_that_did_not_take_place_is_a_report_as_well() -> None:
    stored = report_without_run(make_test_plan(), problems.TARGET_DOWN, "connection refused")
    assert stored.exit_code == 3
    assert stored.report.findings[0].evidence[0].value == "connection refused"
    assert report_without_run(make_test_plan(), problems.INTERRUPTED).exit_code == 130


def test_every_code_of_a_load_test_is_its_own_and_has_words() -> None:
    known = [one.code for one in problems.PROBLEMS]
    assert len(known) == len(set(known))
    assert all(code.startswith("LOAD-") for code in known)
    assert all(one.title and one.cause and one.fix for one in problems.PROBLEMS)


def test_a_target_that_accepts_but_starts_no_session_has_failed_with_its_errors() -> None:
    aggregator = aggregated(worker_report(calls=2, connect=3, failed_calls=2), budgets=("errors == 0",))
    aggregator.count_error("MODEL_NOT_AVAILABLE (model_not_found)", 2)
    found = make_report(FinishedRun(aggregator, 10.0)).findings[0]
    assert (found.code, found.severity) == ("LOAD-NO-SESSION", Severity.FAIL)
    assert found.evidence[0].value == "2 x error MODEL_NOT_AVAILABLE (model_not_found)"
    assert "sherpa-probe explain model_not_found" in found.fix
    assert found.fix.endswith("sherpa-probe bridge --url ws://127.0.0.1:8765")


def test_received_errors_are_listed_even_without_a_budget_for_them() -> None:
    run = finished("turns >= 0", turns=3)
    run.aggregator.count_error("INVALID_MESSAGE", 80)
    run.aggregator.count_failure("failed_connects: connection refused", 2)
    found = make_report(run).findings[-1]
    assert (found.code, found.title) == (
        "LOAD-FAILURES", "2 x failed_connects: connection refused; 80 x error INVALID_MESSAGE",
    )  # fmt: skip


def test_an_interrupted_run_judges_nothing_that_it_did_not_come_to() -> None:
    aggregator = aggregated(
        worker_report(calls=1, ready=20, turns=1),
        scenario="reconnect-storm",
        duration="40s",
        budgets=("count(reconnect@storm) >= 2", "turns >= 9", "p99(first_audio) < 1s", "errors == 0"),
    )
    aggregator.finish(3)
    aggregator.interrupted = True
    report = make_report(FinishedRun(aggregator, 3.0))
    assert [(one.check, one.severity.value) for one in report.findings] == [
        ("run", "error"),
        ("count(reconnect@storm) >= 2", "skipped"),
        ("turns >= 9", "skipped"),
        ("p99(first_audio) < 1s", "skipped"),
        ("errors == 0", "pass"),
    ]
    assert report.findings[0].evidence[0].value == "interrupted after 3 s"


def test_without_the_expected_echo_audio_budgets_are_skipped() -> None:
    aggregator = aggregated(
        worker_report(calls=1, ready=20, turns=3), control_url=None, echo=True, budgets=("lost_ms == 0",)
    )
    report = make_report(FinishedRun(aggregator, 10.0))
    assert [(one.code, one.severity.value) for one in report.findings] == [
        ("LOAD-BUDGET-SKIPPED", "skipped"), ("LOAD-NO-ECHO", "error"),
    ]  # fmt: skip
    assert report.exit_code() == 3


def test_a_token_that_a_target_sends_back_is_not_shown() -> None:
    plan = make_plan(RunOptions(scenario="conversation", url="ws://127.0.0.1:1", token_env="T"), {"T": "tok-123456789"})
    stored = report_without_run(plan, problems.TARGET_REFUSED, "the first message is an error: Bearer tok-123456789")
    assert "tok-123456789" not in as_json.render(stored.report, stored.exit_code)
    aggregator = replace(aggregated(worker_report(calls=1, ready=20)), plan=plan)
    aggregator.count_error("tok-123456789", 3)
    aggregator.errors.append("the deploy said sk-proj-abcdefghijklmnopqrstuvwx")
    text = as_json.render(make_report(FinishedRun(aggregator, 10.0)), 1)
    assert "tok-123456789" not in text
    assert "abcdefghijklmnop" not in text
