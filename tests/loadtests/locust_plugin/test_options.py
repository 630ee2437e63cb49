"""Our options on Locust's command line mean the same as for `sherpa-load`."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from loadtests.locust_plugin.options import add_options, parse_options


class Parser(argparse.ArgumentParser):
    """Locust's parser, as far as our options need it."""

    def add_argument(self, *names: Any, include_in_web_ui: bool = True, **more: Any) -> argparse.Action:  # noqa: ARG002
        return super().add_argument(*names, **more)


def parsed(*words: str) -> argparse.Namespace:
    parser = Parser()
    add_options(parser)
    locusts = {"host": "ws://127.0.0.1:1", "num_users": 3, "spawn_rate": None, "run_time": 90, "tags": None}
    return parser.parse_args(words, argparse.Namespace(**locusts))


def test_options_become_run_options() -> None:
    words = ["--scenario", "soak", "--budget", "turns > 1", "--budget", "errors == 0", "--endpoint", "native"]
    run_options = parse_options(parsed(*words, "--chunk-ms", "100", "--memory-watched", "--i-may-load-this-target"))
    assert (run_options.scenario, run_options.url, run_options.users, run_options.duration) == (
        "soak",
        "ws://127.0.0.1:1",
        3,
        "90",
    )
    assert (run_options.budgets, run_options.endpoint, run_options.chunk_ms) == (
        ("turns > 1", "errors == 0"),
        "native",
        100,
    )
    assert run_options.memory_known
    assert run_options.permitted
    assert run_options.default_budgets


@pytest.mark.parametrize("option", ["--endpoint", "--door"])
def test_the_endpoint_has_its_name_and_its_former_one(option: str) -> None:
    assert parse_options(parsed(option, "native")).endpoint == "native"
    assert parse_options(parsed()).endpoint is None


def test_a_tag_chooses_the_scenario_where_nothing_else_does() -> None:
    options = parsed()
    assert parse_options(options).scenario == "conversation"
    options.tags = ["other", "barge-in"]
    assert parse_options(options).scenario == "barge-in"
    options.scenario = "soak"
    assert parse_options(options).scenario == "soak"


def test_a_budget_from_the_page_is_one_text() -> None:
    options = parsed()
    options.budget = "turns > 1"
    assert parse_options(options).budgets == ("turns > 1",)
