from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from bridge.protocol.refusals import CLOSE_CODES, ERROR_CODES, STATUSES, every_refusal
from probes.cli import cli
from probes.explain import explain, near, render


@pytest.mark.parametrize("code", [*ERROR_CODES, *map(str, CLOSE_CODES), *(str(status) for _, status in STATUSES)])
def test_every_code_and_status_of_the_tables_is_explained(code: str) -> None:
    meanings = explain(code)
    assert meanings
    assert all(meaning.refusal.cause and meaning.refusal.fix for meaning in meanings)


@pytest.mark.parametrize("slug", [refusal.slug for refusal in every_refusal()])
def test_every_finding_code_of_a_refusal_is_explained(slug: str) -> None:
    assert [meaning.refusal.slug for meaning in explain(f"ACCESS-{slug}")] == [slug]


def test_a_status_with_several_meanings_shows_each_with_its_place() -> None:
    text = render("401", explain("401"))
    assert text.startswith("401 has 3 meanings")
    assert "KEY-REFUSED" in text
    assert "AZURE-KEY-REFUSED" in text
    assert "REST status 401" in text
    assert max(map(len, text.splitlines())) <= 80


def test_an_unknown_code_is_wrong_usage_with_a_near_one() -> None:
    result = CliRunner().invoke(cli, ["explain", "invalid_api_kee"])
    assert result.exit_code == 2
    assert "did you mean invalid_api_key?" in result.output
    assert near("4001") == "4004"


def test_json_holds_cause_and_fix() -> None:
    result = CliRunner().invoke(cli, ["explain", "4000", "--json"])
    document = json.loads(result.output)
    assert document["code"] == "4000"
    assert document["meanings"][0]["slug"] == "SHAPE-REFUSED"
    assert document["meanings"][0]["fix"]
