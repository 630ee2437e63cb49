"""The fault panel of the page: choose a scenario of the simulator behind the bridge, and cut its connections.

Only a bridge started with `--simulate` has a simulator. Any other one says that it has none, and the page hides
the panel. Requests that change something obey the rules for origins, and a bridge with a client token refuses them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from bridge.server.admission.policy import Rejection
from bridge.server.http.responses import SAFE_HEADERS, problem_response
from bridge.transport.http import json_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from bridge.server.admission.policy import AdmissionPolicy
    from bridge.transport.http import HttpRequest, HttpResponse
    from bridge.upstream.service import UpstreamService

PANEL_PATH: Final = "/page/simulator"
#: The simulator is in this process: it answers at once, or not at all.
_TIMEOUT_SECONDS: Final = 5.0
_CUTS: Final = ("close", "drop", "reset")


class SimulatorControl(Protocol):
    """What the panel does with a simulator."""

    async def scenarios(self) -> Mapping[str, Any]:
        """Return `scenarios`, each with name and summary, the name of the `chosen` one, and the number of `workers`."""
        ...

    async def choose(self, scenario: str) -> Mapping[str, Any] | None:
        """Choose the scenario of the sessions to come; None if there is no such scenario."""
        ...

    async def cut(self, how: str) -> Mapping[str, Any]:
        """End every session: `how` is `close`, `drop` or `reset`."""
        ...


@dataclass(slots=True)
class HttpSimulatorControl:
    """Controls a simulator by its control API. `service` is the upstream that the simulator stands for."""

    service: UpstreamService
    chosen: str
    workers: int = 1
    """How many processes the bridge has. Each has a simulator of its own, and a request reaches one of them."""

    async def scenarios(self) -> Mapping[str, Any]:
        """Return what the simulator can do."""
        found = await self._call("GET", "scenarios")
        rows = [{"name": row["name"], "summary": row["summary"]} for row in found.json()["scenarios"]]
        return {"scenarios": rows, "chosen": self.chosen, "workers": self.workers}

    async def choose(self, scenario: str) -> Mapping[str, Any] | None:
        """Choose a scenario for the key that this bridge uses."""
        answer = await self._call("POST", "scenario", {"scenario": scenario, "key": self.service.api_key.reveal()})
        if not answer.is_success:
            return None
        self.chosen = scenario
        return {"scenario": scenario}

    async def cut(self, how: str) -> Mapping[str, Any]:
        """End every session of the simulator."""
        return {"cut": (await self._call("POST", "cut", {"how": how})).json()["cut"]}

    async def _call(self, method: str, name: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        import httpx  # noqa: PLC0415 - takes 60 ms, and few bridges have a simulator

        root = self.service.base_url.removesuffix("/v1")
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as http:
            return await http.request(method, f"{root}/_sim/{name}", json=body)


async def panel_response(
    request: HttpRequest, simulator: SimulatorControl | None, admission: AdmissionPolicy
) -> HttpResponse:
    """Answer one request of the panel: GET lists the scenarios, POST takes `?scenario=NAME` or `?cut=HOW`."""
    if request.method not in {"GET", "POST"}:
        return problem_response(Rejection(405, "METHOD_NOT_ALLOWED", "This path accepts GET, HEAD and POST."))
    if simulator is None or admission.requires_token:
        return json_response(200, {"scenarios": None}, SAFE_HEADERS) if request.method == "GET" else _no_simulator()
    if request.method == "GET":
        return json_response(200, await simulator.scenarios(), SAFE_HEADERS)
    if (rejection := admission.check_origin(request)) is not None:
        return problem_response(rejection)
    return await _change(request, simulator)


async def _change(request: HttpRequest, simulator: SimulatorControl) -> HttpResponse:
    scenario, how = request.query.get("scenario"), request.query.get("cut")
    if scenario is not None:
        chosen = await simulator.choose(scenario)
        return (
            json_response(200, chosen, SAFE_HEADERS) if chosen is not None else _unknown(f"scenario '{scenario[:80]}'")
        )
    if how in _CUTS:
        return json_response(200, await simulator.cut(how), SAFE_HEADERS)
    return _unknown(f"cut '{(how or '')[:80]}'")


def _unknown(what: str) -> HttpResponse:
    return problem_response(Rejection(400, "UNKNOWN_VALUE", f"The simulator has no {what}."))


def _no_simulator() -> HttpResponse:
    return problem_response(Rejection(404, "NOT_FOUND", "This bridge has no simulator behind it, or it needs a token."))
