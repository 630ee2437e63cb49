"""The reference bridge before the whole conformance suite, in bridges of their own processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from probes.cli import cli

EXPECTED = Path(__file__).with_name("expected_conformance_failures.txt")

pytestmark = pytest.mark.nightly


def test_the_reference_bridge_keeps_the_contract() -> None:
    words = ["conformance", "--reference", "--json", "--strict", "--expected-failures", str(EXPECTED)]
    outcome = CliRunner().invoke(cli, words, standalone_mode=False)
    report = json.loads(outcome.stdout)
    wrong = [
        (one["check"], [item["value"] for item in one["evidence"]], one["fix"])
        for one in report["findings"]
        if one["severity"] not in ("pass", "info")
    ]
    assert wrong == []
    assert outcome.return_value == 0
