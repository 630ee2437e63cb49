"""The plan: options completed by the scenario, or refused with an explanation before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest

from loadtests.scenarios.behaviour import TargetEndpoint
from loadtests.scenarios.plan import PlanError, RunOptions, caller_groups, make_plan, parse_duration
from loadtests.scenarios.table import SCENARIOS

HERE = RunOptions(scenario="conversation", url="ws://127.0.0.1:8765")
SIMULATED = replace(HERE, control_url="http://127.0.0.1:1/_sim", deploy_command="deploy", memory_known=True)


def test_the_scenario_supplies_what_is_left_out() -> None:
    plan, scenario = make_plan(SIMULATED, {}), SCENARIOS["conversation"]
    assert (plan.users, plan.seconds, plan.spawn_rate) == (scenario.users, scenario.seconds, scenario.spawn_rate)
    assert len(plan.budgets) == len(scenario.budgets)
    assert plan.skipped_budgets == ()


def test_options_take_precedence_over_the_scenario() -> None:
    options = replace(
        HERE, users=3, spawn_rate=1.5, duration="1m", endpoint="native", chunk_ms=100, budgets=("turns > 1",)
    )
    plan = make_plan(replace(options, default_budgets=False), {})
    assert (plan.users, plan.spawn_rate, plan.seconds) == (3, 1.5, 60)
    assert (plan.groups[0].behaviour.endpoint, plan.groups[0].behaviour.chunk_ms) == (TargetEndpoint.NATIVE, 100)
    assert [budget.text for budget in plan.budgets] == ["turns > 1"]


def test_without_the_simulator_budgets_that_only_it_can_judge_are_set_apart() -> None:
    plan = make_plan(HERE, {})
    assert (
        "lost_ms == 0",
        "--control http://HOST:PORT/_sim, or --echo if the service echoes",
    ) in plan.skipped_budgets
    assert ("sessions_left == 0", "--control http://HOST:PORT/_sim") in plan.skipped_budgets
    assert "lost_ms" not in {budget.measure for budget in plan.budgets}


def test_without_the_simulator_a_storm_is_what_callers_do_themselves_and_the_rest_is_named() -> None:
    plan = make_plan(replace(HERE, scenario="reconnect-storm"), {})
    assert [phase.name for phase in plan.phases] == ["callers-cut"]
    assert plan.skipped_phases == (("storm", "all upstream sockets cut", "--control http://HOST:PORT/_sim"),)
    skipped, checked = dict(plan.skipped_budgets), {budget.text for budget in plan.budgets}
    assert skipped["p99(reconnect@storm) < 3s"] == "--control http://HOST:PORT/_sim"
    assert {"p99(reconnect@callers-cut) < 5s", "failed_calls == 0", "mute_sessions == 0"} <= checked
    assert plan.first_disruption == 0.65


def test_a_budget_of_one_s_own_for_a_phase_that_does_not_take_place_is_refused() -> None:
    options = replace(HERE, scenario="reconnect-storm", budgets=("p99(reconnect@storm) < 1s",))
    with pytest.raises(PlanError, match="the phase 'storm' needs --control"):
        make_plan(options, {})


def test_an_echo_covers_speech_only() -> None:
    plan = make_plan(replace(HERE, echo=True), {})
    assert plan.groups[0].behaviour.echo
    assert {"lost_ms", "repeated_ms", "reordered_ms"} <= {budget.measure for budget in plan.budgets}
    assert [text for text, _ in plan.skipped_budgets] == ["sessions_left == 0"]
    with pytest.raises(PlanError, match="--control measures more"):
        make_plan(replace(SIMULATED, echo=True), {})


def test_what_only_the_client_protocol_reports_is_skipped_at_the_native_endpoint() -> None:
    plan = make_plan(replace(SIMULATED, endpoint="native"), {})
    assert plan.skipped_budgets == (("repeated_ms == 0", "--endpoint client"),)


def test_a_budget_may_cover_the_time_before_the_first_phase() -> None:
    storm = replace(SIMULATED, scenario="reconnect-storm", budgets=("p99(first_audio@start) < 2s",))
    assert "start" in {budget.phase for budget in make_plan(storm, {}).budgets}
    with pytest.raises(PlanError, match="conversation has no phase 'start': it has no phases"):
        make_plan(replace(SIMULATED, budgets=("p99(first_audio@start) < 2s",)), {})


@pytest.mark.parametrize("origin", ["", "app.example.com", "https://a b", "https://a/\r\nX: 1", "null"])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(PlanError, match="is not an origin; for example"):
        make_plan(replace(HERE, origin=origin), {})


def test_a_public_control_api_needs_permission_too() -> None:
    with pytest.raises(PlanError, match=r"api\.openai\.com looks like a public host"):
        make_plan(replace(SIMULATED, control_url="https://api.openai.com/_sim"), {})


def test_a_budget_that_is_given_twice_is_judged_once() -> None:
    plan = make_plan(replace(SIMULATED, budgets=("lost_ms  ==  0",)), {})
    assert [budget.text for budget in plan.budgets].count("lost_ms == 0") == 1


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_can_be_planned_if_all_requirements_are_met(name: str) -> None:
    plan = make_plan(replace(SIMULATED, scenario=name), {})
    assert plan.ramp_seconds < plan.seconds


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("30s", 30), ("5m", 300), ("1h30m", 5400), (" 1.5S ", 1.5), ("1h2m3s", 3723)]
)
def test_spans_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "5 m", "-3s", "1d", "abc", "m5"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match="is not a duration; for example: 30s"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (replace(HERE, scenario="convrsation"), "did you mean conversation?"),
        (replace(HERE, scenario="xyz"), "available: conversation, "),
        (replace(HERE, url=""), "no target"),
        (replace(HERE, url="ftp://host"), "is not the address of a bridge"),
        (replace(HERE, url="ws://host:99999"), "is not the address of a bridge"),
        (replace(HERE, url="ws://"), "is not the address of a bridge"),
        (replace(HERE, url="ws://user:secret@host"), "the URL contains a password"),
        (replace(HERE, url="ws://api.example.com"), "looks like a public host"),
        (replace(HERE, users=0), "--users: 0 is too small"),
        (replace(HERE, users=1001), "1001 callers are more than 1000"),
        (replace(HERE, duration="0s"), "--duration: 0s is too short"),
        (replace(HERE, duration="2h"), "longer than an hour"),
        (replace(HERE, spawn_rate=0.0), "is not a valid rate"),
        (replace(HERE, spawn_rate=float("nan")), "is not a valid rate"),
        (replace(HERE, users=100, spawn_rate=1.0, duration="30s"), "would start after the run"),
        (replace(HERE, endpoint="back"), "unknown endpoint 'back'"),
        (replace(HERE, chunk_ms=30), "30 is not one of 20, 100"),
        (replace(HERE, budgets=("p99(frist_audio) < 1s",)), "did you mean first_audio?"),
        (replace(HERE, budgets=("p99(ready@storm) < 1s",)), "conversation has no phase 'storm': it has no phases"),
        (replace(SIMULATED, scenario="reconnect-storm", budgets=("p99(ready@strom) < 1s",)), "did you mean storm?"),
        (replace(HERE, scenario="flapping"), "needs the control API of the simulator"),
        (replace(SIMULATED, scenario="deploy", deploy_command=None), "pass --deploy-command CMD"),
        (replace(SIMULATED, scenario="reconnect-storm", duration="2s"), "needs at least 8 s"),
        (replace(HERE, token_env="NO_SUCH"), "the variable NO_SUCH is not set"),
    ],
)  # fmt: skip
def test_invalid_options_are_refused_with_an_explanation(options: RunOptions, words: str) -> None:
    with pytest.raises(PlanError) as refused:
        make_plan(options, {})
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_token_comes_from_its_variable_and_is_never_repeated() -> None:
    plan = make_plan(replace(HERE, token_env="TOKEN"), {"TOKEN": " abc "})
    assert plan.headers == ("Authorization: Bearer abc",)
    with pytest.raises(PlanError) as refused:
        make_plan(replace(HERE, token_env="TOKEN"), {"TOKEN": "abc\r\nX-Evil: 1"})
    assert "abc" not in str(refused.value)


def test_permission_lifts_these_limits() -> None:
    options = replace(HERE, url="wss://voice.example.com", users=1500, duration="2h", permitted=True)
    assert make_plan(options, {}).users == 1500


def test_groups_take_turns_by_their_shares_from_the_first_caller_on() -> None:
    plan = make_plan(SIMULATED, {})
    many, few = (replace(plan.groups[0], name=name, share=share) for name, share in (("many", 3.0), ("few", 1.0)))
    names = [group.name for group in islice(caller_groups(replace(plan, groups=(many, few))), 12)]
    assert [names[:4].count("few"), names[:8].count("few"), names.count("few")] == [1, 2, 3]
