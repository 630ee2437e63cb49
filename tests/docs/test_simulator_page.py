"""docs/simulator.md and the simulator agree: the page has every fault, moment, key and endpoint, and no others."""

from __future__ import annotations

import re
from pathlib import Path

from click import Command

from bridge.protocol.models import DEFAULT_MODEL
from bridge.simulator.cli import cli
from bridge.simulator.faults.actions import MOMENTS
from bridge.simulator.faults.base import ApiEndpoint
from bridge.simulator.faults.registry import FAULTS, parse_fault
from bridge.simulator.faults.scenarios import SCENARIOS, SHORT_KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()


def table(head: str) -> list[str]:
    """The first cells of the table with this head, words in backquotes only."""
    body = PAGE[PAGE.index(f"| {head} |") :].split("\n\n", 1)[0]
    return [word for line in body.splitlines()[2:] for word in re.findall(r"`([^`]+)`", line.split("|")[1])]


def test_every_fault_is_on_the_page() -> None:
    assert sorted(word.partition(":")[0] for word in table("fault")) == sorted(FAULTS)


def test_every_moment_is_on_the_page() -> None:
    assert sorted(table("moment")) == sorted(MOMENTS)


def test_every_short_key_is_on_the_page() -> None:
    assert {word for word in table("key begins with") if word not in ("sk-", "sk-scenario-NAME")} == set(SHORT_KEYS)


def test_every_endpoint_is_on_the_page() -> None:
    (endpoints,) = re.findall(r"\*Endpoints\* are (.+?), joined", PAGE)
    assert set(re.findall(r"`([a-z]+)`", endpoints)) == set(ApiEndpoint)


def test_every_scenario_that_the_page_names_is_one() -> None:
    named = re.findall(r"--scenario ([a-z0-9-]+)|--simulate ([a-z0-9-]+)|key_for\(\"([a-z0-9-]+)\"\)", PAGE)
    named += re.findall(r"the\s+scenario\s+`([a-z0-9-]+)`()()", PAGE)
    words = {word for found in named for word in found if word}
    assert len(words) >= 4
    assert words <= set(SCENARIOS)


def test_every_fault_that_the_page_spells_out_can_be_read() -> None:
    spelled = re.findall(r"--fault (\S+)|parse_fault\(\"([^\"]+)\"\)", PAGE)
    texts = {text for found in spelled for text in found if text and "NAME" not in text and "when=" not in text}
    assert len(texts) >= 3
    for text in texts:
        assert parse_fault(text).name == text.partition(":")[0]


def test_every_option_of_serve_is_explained_except_obvious_ones() -> None:
    serve = cli.commands["serve"]
    assert isinstance(serve, Command)
    options = {option for parameter in serve.params for option in parameter.opts}
    assert {option for option in options if option not in PAGE} <= {"--host", "--port"}


def test_the_model_of_the_examples_is_the_current_one() -> None:
    assert set(re.findall(r"gpt-realtime-[0-9.]+", PAGE)) == {DEFAULT_MODEL}
