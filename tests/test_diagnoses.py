"""docs/diagnoses.md against the tools: what the page says that a command finds, it finds."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.protocol.refusals.lookup import all_refusals
from bridge.simulator.faults.scenarios import SCENARIOS
from probes.cli import cli
from probes.problem_catalogue import PROBLEMS
from reports.model import EXIT_FAILED, EXIT_OK

PAGE = (Path(__file__).parents[1] / "docs" / "diagnoses.md").read_text()
NUMBERS = [str(number) for number in range(1, 18)]

_ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+) \|$", re.MULTILINE)
_COMMAND = re.compile(r"`sherpa-probe ((?:access|events)[^`]*--simulate[^`]*)`(?: → `([A-Z0-9-]+)`)?")
_CODE = re.compile(r"`((?:ACCESS|CONFIG|PROBE)-[A-Z0-9-]+)`")
_SECTION = re.compile(r"^## (\d+)\. .+?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_PROBE = re.compile(r"`([a-z]+)`")


@dataclass(frozen=True, slots=True)
class Shown:
    """A command of the page, and the finding it is said to give; empty where it is said to pass."""

    words: str
    code: str


ROWS = _ROW.findall(PAGE)
SHOWN = [Shown(words, code) for *_, detection in ROWS for words, code in _COMMAND.findall(detection)]


def test_there_are_seventeen_rows_and_each_has_its_section() -> None:
    assert [number for number, *_ in ROWS] == NUMBERS
    assert [found[1] for found in _SECTION.finditer(PAGE)] == NUMBERS


def test_every_section_names_cause_and_fix() -> None:
    for found in _SECTION.finditer(PAGE):
        cause, fix = found[0].find("**Cause.**"), found[0].find("**Fix.**")
        assert 0 < cause < fix, found[0]


def test_every_row_names_who_tells() -> None:
    for number, _, detection in ROWS:
        assert _COMMAND.search(detection) or set(_PROBE.findall(detection)) & set(cli.commands), number


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.words.replace(" ", "-"))
def test_a_command_of_the_page_gives_the_finding_it_promises(shown: Shown) -> None:
    done = CliRunner().invoke(cli, [*shown.words.split(), "--json"])
    found = json.loads(done.stdout)["findings"]
    failed = [finding["code"] for finding in found if finding["severity"] in ("fail", "error")]
    assert failed == ([shown.code] if shown.code else [])
    assert done.exit_code == (EXIT_FAILED if shown.code else EXIT_OK)


def test_every_scenario_of_the_page_is_one() -> None:
    named = re.findall(r"--simulate ([a-z0-9-]+)", PAGE)
    assert len(named) > 10
    assert set(named) <= set(SCENARIOS)


def test_every_finding_code_of_the_page_is_one_that_exists() -> None:
    from_refusals = {f"ACCESS-{refusal.slug}" for refusal in all_refusals()}
    assert set(_CODE.findall(PAGE)) <= from_refusals | set(PROBLEMS)
