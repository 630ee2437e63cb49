"""The control API, `/_sim/…`: choose scenarios, cut sessions, read back what arrived. Off unless asked for.

It changes and shows only this simulator; keys in it are the made-up keys of tests.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.simulator.faults.pipeline import CloseFrame, Drop, Reset, WireAction
from bridge.simulator.faults.registry import FaultError, parse_fault
from bridge.simulator.faults.scenarios import SCENARIOS
from bridge.transport.http import HttpRequest, HttpResponse, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.protocol.audio.tracer import TracerReceiver
    from bridge.simulator.faults.base import Fault
    from bridge.simulator.service.connection import Connection
    from bridge.simulator.service.journal import SessionRecord
    from bridge.simulator.service.server import Simulator


class _Choice(msgspec.Struct, forbid_unknown_fields=True):
    scenario: str = "good"
    faults: tuple[str, ...] = ()
    key: str = ""
    session: str | None = None


class _Cut(msgspec.Struct, forbid_unknown_fields=True):
    how: str = "close"
    code: int = 1011
    reason: str = ""
    key: str | None = None
    session: str | None = None


class _NoSuch(Exception):  # noqa: N818 - becomes the answer
    """What was named does not exist; the message says what does."""


class ControlApi:
    """The control API of one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._routes: Mapping[tuple[str, str], Callable[[HttpRequest], HttpResponse]] = {
            ("GET", "/_sim/scenarios"): self._scenarios,
            ("GET", "/_sim/arrivals"): self._arrivals,
            ("GET", "/_sim/account"): self._account,
            ("POST", "/_sim/scenario"): self._choose,
            ("POST", "/_sim/cut"): self._cut,
            ("POST", "/_sim/reset"): self._reset,
        }

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer one control request; errors are one sentence in JSON."""
        handler = self._routes.get((request.method, request.path.rstrip("/")))
        if handler is None:
            known = ", ".join(f"{method} {path}" for method, path in self._routes)
            return json_response(404, {"error": f"no {request.method} {request.path} here; there is {known}"})
        try:
            return handler(request)
        except (msgspec.DecodeError, FaultError) as error:
            return json_response(400, {"error": str(error)})
        except RecursionError:
            return json_response(400, {"error": "the body is nested too deep"})
        except _NoSuch as error:
            return json_response(404, {"error": str(error)})

    def _scenarios(self, _request: HttpRequest) -> HttpResponse:
        rows = [{"name": name, "summary": known.summary, "key": known.key} for name, known in SCENARIOS.items()]
        return json_response(200, {"scenarios": rows})

    def _choose(self, request: HttpRequest) -> HttpResponse:
        """`{"scenario", "faults", "key" or "session"}`: for the next visits of a key, or for a running session.

        A scenario without a name takes the choice back: what was said at the start holds again.
        """
        choice = msgspec.json.decode(request.body or b"{}", type=_Choice)
        if not choice.scenario and choice.session is None:
            self._simulator.clear_choice(choice.key)
            return json_response(200, {"scenario": self._simulator.settings.scenario, "faults": []})
        scenario = SCENARIOS.get(choice.scenario)
        if scenario is None:
            raise _NoSuch(f"no scenario '{choice.scenario}'; there is {', '.join(SCENARIOS)}")
        faults: tuple[Fault, ...] = tuple(parse_fault(text) for text in choice.faults)
        if choice.session is not None:
            self._connection(choice.session).add_faults((*scenario.faults, *faults))
        else:
            self._simulator.choose(scenario.name, faults, key=choice.key)
        return json_response(200, {"scenario": scenario.name, "faults": list(choice.faults)})

    def _cut(self, request: HttpRequest) -> HttpResponse:
        """`{"how": close, drop or reset, "code", "reason", "key" or "session"}`; without either: every session."""
        cut = msgspec.json.decode(request.body or b"{}", type=_Cut)
        acts: Mapping[str, WireAction] = {"close": CloseFrame(cut.code, cut.reason), "drop": Drop(), "reset": Reset()}
        if cut.how not in acts:
            raise _NoSuch(f"no way to cut called '{cut.how}'; there is {', '.join(acts)}")
        live = list(self._simulator.connections.values()) if cut.session is None else [self._connection(cut.session)]
        chosen = [one for one in live if cut.key is None or one.record.key == cut.key]
        for connection in chosen:
            connection.perform(acts[cut.how])
        return json_response(200, {"cut": len(chosen)})

    def _connection(self, session_id: str) -> Connection:
        try:
            return self._simulator.connections[session_id]
        except KeyError:
            raise _NoSuch(f"no running session '{session_id}'") from None

    def _arrivals(self, request: HttpRequest) -> HttpResponse:
        """What arrived: sessions, and tracer audio by key. `?key=` and `?session=` narrow it."""
        key, session = request.query.get("key"), request.query.get("session")
        arrivals = self._simulator.journal
        records = [one for one in arrivals.sessions(key) if session in (None, one.session_id)]
        tracers = {name: _told(arrivals.tracer_account(name)) for name in dict.fromkeys(one.key for one in records)}
        body = {"requests": dict(arrivals.requests), "sessions": [_shown(one) for one in records], "tracer": tracers}
        return json_response(200, body)

    def _account(self, _request: HttpRequest) -> HttpResponse:
        """Sum up a load run: sockets open now, dials by the tenth of a second, tracer audio by key and caller.

        It is as long as there were callers, not sessions. A socket that is open may hold half a cell back.
        """
        arrivals = self._simulator.journal
        body = {
            "now": self._simulator.settings.unix_time(),
            "live": len(self._simulator.connections),
            "dials": arrivals.dials,
            "turned_away_ms": sum(account.turned_away_ms for account in arrivals.tracer_accounts.values()),
            "mixed_ms": sum(account.mixed_ms for account in arrivals.tracer_accounts.values()),
            "tracer": {key: _told(account) for key, account in arrivals.tracer_accounts.items()},
        }
        return json_response(200, body)

    def _reset(self, _request: HttpRequest) -> HttpResponse:
        self._simulator.reset()
        return json_response(200, {"reset": True})


def _told(account: TracerReceiver) -> dict[str, Any]:
    return {str(caller): asdict(count) for caller, count in account.counts().items()}


def _shown(record: SessionRecord) -> dict[str, Any]:
    """Show one session; counters and events as plain JSON."""
    plain = {name: getattr(record, name) for name in record.__slots__ if name not in ("counts", "sent", "events")}
    events = [asdict(event) for event in record.events]
    counts = {"counts": dict(record.counts), "sent": dict(record.sent)}
    return {**plain, **counts, "events": events, "audio_ms": record.audio_ms}
