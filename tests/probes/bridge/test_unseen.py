"""What no client can see of a bridge is listed, with commands that exist."""

from __future__ import annotations

import pytest

from loadtests.scenarios.model import CutUpstream, SetFaults
from loadtests.scenarios.table import SCENARIOS
from probes.bridge.unseen import UNSEEN, UnseenQuality, unseen_rows
from probes.runner.redaction import Secrets
from probes.targets.bridge import BridgeTarget, make_bridge_target
from reports.model import Severity
from reports.redaction import Secret
from tests.probes.bridge.faulty_bridge import config


def target(url: str, scenario: str = "") -> BridgeTarget:
    secret = Secret("a-token-for-the-tests-0123456789")
    return make_bridge_target(url, secret, config(), secrets=Secrets(), scenario=scenario, environment={})


@pytest.mark.parametrize("quality", UNSEEN, ids=lambda quality: quality.check)
def test_each_scenario_exists_and_asks_for_the_control_api_where_it_needs_it(quality: UnseenQuality) -> None:
    actions = [action for phase in SCENARIOS[quality.scenario].phases for action in phase.actions]
    assert quality.needs_control == any(isinstance(action, CutUpstream | SetFaults) for action in actions)


def test_a_row_says_what_was_not_checked_and_the_command_for_this_bridge() -> None:
    bridge = target("wss://voice.example.com/v1/realtime?ticket=secret-0123456789")
    rows = {row.check: row for row in unseen_rows(bridge)}
    assert {row.severity for row in rows.values()} == {Severity.SKIPPED}
    assert rows["leaks"].title == (
        "not checked: ended calls leave nothing behind; "
        "run: sherpa-load run soak --target wss://voice.example.com --endpoint native"
    )
    assert rows["reconnection"].title.endswith(" --control http://SIMULATOR")
    assert "0123456789" not in str(rows)


def test_the_embedded_bridge_is_checked_as_an_embedded_one() -> None:
    rows = list(unseen_rows(target("ws://127.0.0.1:1", "good")))
    assert all(row.title.endswith(" --simulate") for row in rows)
