"""The fault panel's paths: what they list and change, for whom, and that a real upstream has none."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from bridge.server.admission.policy import AdmissionPolicy
from bridge.server.admission.session_counts import ActiveSessions
from bridge.server.admission.tickets import InMemoryUsedTickets
from bridge.server.config.settings import ClientRules
from bridge.server.page.simulator_panel import PANEL_PATH, HttpSimulatorControl, panel_response
from bridge.simulator.embedded import open_simulator
from bridge.simulator.settings import Settings
from bridge.transport.http import HttpRequest
from bridge.upstream.service import make_upstream
from reports.redaction import Secret
from tests.server.harness import TOKEN, running_bridge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.transport.http import HttpResponse


@dataclass
class FakeSimulator:
    """Remembers what it was asked for."""

    calls: list[str] = field(default_factory=list)

    async def scenarios(self) -> Mapping[str, Any]:
        return {"scenarios": [{"name": "good", "summary": "healthy"}], "chosen": "good"}

    async def choose(self, scenario: str) -> Mapping[str, Any] | None:
        self.calls.append(scenario)
        return {"scenario": scenario} if scenario == "echo" else None

    async def cut(self, how: str) -> Mapping[str, Any]:
        self.calls.append(how)
        return {"cut": 2}


async def call(
    method: str = "GET",
    simulator: FakeSimulator | None = None,
    rules: ClientRules | None = None,
    origin: str | None = None,
    **query: str,
) -> tuple[int, Any]:
    policy = AdmissionPolicy(rules or ClientRules(), ActiveSessions(), InMemoryUsedTickets(), unix_now=lambda: 0.0)
    headers = (("origin", origin),) if origin is not None else ()
    request = HttpRequest(method=method, path=PANEL_PATH, query=query, target=PANEL_PATH, headers=headers)
    response: HttpResponse = await panel_response(request, simulator, policy)
    return response.status, json.loads(response.body)


async def test_a_real_upstream_has_no_panel() -> None:
    assert await call() == (200, {"scenarios": None})
    assert (await call("POST", cut="drop"))[0] == 404
    async with running_bridge() as bridge:
        status, head, body = await bridge.get(PANEL_PATH)
        assert (status, json.loads(body)) == (200, {"scenarios": None})
        assert b"no-store" in head


async def test_a_bridge_with_a_token_gives_its_simulator_to_no_page() -> None:
    simulator, rules = FakeSimulator(), ClientRules(token=Secret(TOKEN))
    assert await call("GET", simulator, rules) == (200, {"scenarios": None})
    assert (await call("POST", simulator, rules, cut="drop"))[0] == 404
    assert simulator.calls == []


async def test_scenarios_are_listed_and_chosen_and_sessions_are_cut() -> None:
    simulator = FakeSimulator()
    assert (await call("GET", simulator))[1]["chosen"] == "good"
    assert await call("POST", simulator, scenario="echo") == (200, {"scenario": "echo"})
    assert await call("POST", simulator, origin="http://localhost:8765", cut="drop") == (200, {"cut": 2})
    assert simulator.calls == ["echo", "drop"]


@pytest.mark.parametrize("query", [{"scenario": "no such"}, {"cut": "explode"}, {"cut": ""}, {}])
async def test_what_the_simulator_does_not_have_is_refused(query: dict[str, str]) -> None:
    status, body = await call("POST", FakeSimulator(), None, None, **query)
    assert (status, body["code"]) == (400, "UNKNOWN_VALUE")


async def test_other_methods_are_refused() -> None:
    assert (await call("DELETE", FakeSimulator()))[0] == 405


async def test_a_page_of_another_site_may_not_change_anything() -> None:
    simulator = FakeSimulator()
    status, body = await call("POST", simulator, origin="https://evil.test", cut="drop")
    assert (status, body["code"]) == (403, "ORIGIN_NOT_ALLOWED")
    assert simulator.calls == []


@pytest.mark.wall_clock
async def test_a_real_simulator_is_controlled_by_its_control_api() -> None:
    async with open_simulator(Settings(control=True)) as running:
        key = running.key_for("good")
        control = HttpSimulatorControl(make_upstream(running.base_url, Secret(key)), "good", 2)
        listed = await control.scenarios()
        assert (listed["chosen"], listed["workers"]) == ("good", 2)
        assert {"name": "good", "summary": "the healthy service"} in listed["scenarios"]
        assert await control.choose("mute") == {"scenario": "mute"}
        choice = running.simulator.choice_for(key)
        assert choice is not None
        assert choice.scenario.name == "mute"
        assert (await control.scenarios())["chosen"] == "mute"
        assert await control.choose("no such") is None
        assert await control.cut("drop") == {"cut": 0}
