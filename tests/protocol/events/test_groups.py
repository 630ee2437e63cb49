"""Groups of events cover both dialects, and no other module writes them again."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bridge.protocol.dialects.detection import BETA_TO_GA
from bridge.protocol.dialects.facts import Dialect
from bridge.protocol.events import groups
from bridge.protocol.events.fields import CLIENT_EVENTS, SERVER_EVENTS

ROOT = Path(__file__).parents[3]
GROUPS = {name: value for name, value in vars(groups).items() if isinstance(value, frozenset)}
EVENTS = {dialect: CLIENT_EVENTS[dialect].keys() | SERVER_EVENTS[dialect].keys() for dialect in Dialect}
#: The core imports no protocol; the tables of events and of their beta names are where the names come from.
EXEMPT = {"bridge/core", "bridge/protocol/events", "bridge/protocol/dialects", "probes/lint"}


def sources() -> list[Path]:
    files = [path for package in ("bridge", "probes", "loadtests") for path in sorted((ROOT / package).rglob("*.py"))]
    return [path for path in files if not any(str(path.relative_to(ROOT)).startswith(folder) for folder in EXEMPT)]


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_has_the_ga_name_of_each_of_its_beta_names(name: str) -> None:
    group = GROUPS[name]
    assert group <= EVENTS[Dialect.GA] | EVENTS[Dialect.BETA]
    assert {ga for event in group for ga in BETA_TO_GA.get(event, (event,))} == group & EVENTS[Dialect.GA]


def test_no_other_module_writes_a_group_again() -> None:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Set | ast.Tuple | ast.List):
                members = {element.value for element in node.elts if isinstance(element, ast.Constant)}
                again = [name for name, group in GROUPS.items() if group <= members]
                assert not again, (
                    f"{path}:{node.lineno} repeats {again[0]}: import it from bridge.protocol.events.groups"
                )
