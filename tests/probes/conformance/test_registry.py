"""The cases are complete, and know no bridge."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from probes.conformance.case import REQUIREMENT_SETS, Case
from probes.conformance.registry import CASES, GROUPS

FOLDER = Path(__file__).parents[3] / "probes" / "conformance"
#: Where the bridge of this toolkit may be named: how it is started, and the command's own name.
MAY_KNOW = {"reference.py"}
OUR_NAMES = re.compile(r"bridge\.(server|driver|core|upstream)\b|sherpa-bridge|SHERPA_BRIDGE")


def test_every_case_has_an_id_of_its_own_and_stands_in_its_group() -> None:
    ids = [case.id for case in CASES]
    assert len(set(ids)) == len(ids)
    assert [group.letter for group in GROUPS] == sorted({case.group for case in CASES})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_case_says_what_it_does_what_is_expected_and_why_users_care(case: Case) -> None:
    assert case.since in REQUIREMENT_SETS
    assert case.title[0].isupper()
    assert not case.title.endswith(".")
    for text in (case.does, case.expects, case.matters):
        assert text.endswith(".")
        assert not text[0].islower()
    assert case.section


def test_every_case_names_a_section_of_the_client_protocol_s_page() -> None:
    headings = re.findall(r"^## (.+)$", (FOLDER.parents[1] / "docs" / "client.md").read_text(), re.MULTILINE)
    places = (*headings, "RFC 6455")
    assert {case.section for case in CASES if not case.section.startswith(places)} == set()


def test_nothing_in_the_suite_knows_our_bridge() -> None:
    knowing = [path.name for path in FOLDER.rglob("*.py") if OUR_NAMES.search(path.read_text())]
    assert set(knowing) <= MAY_KNOW


def test_the_suite_s_clients_do_not_use_our_codec() -> None:
    users = [path.name for path in FOLDER.rglob("*.py") if "bridge.transport" in path.read_text()]
    assert users == ["upstream.py"]
