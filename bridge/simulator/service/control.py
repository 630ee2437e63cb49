"""The control API below `/_sim/`: select scenarios, end sessions, read the journal. Off by default.

It affects only this simulator. It shows API keys in full, since a simulator's keys are made up.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.simulator.faults.actions import CloseFrame, Drop, Reset, WireAction
from bridge.simulator.faults.registry import FaultError, parse_fault
from bridge.simulator.faults.scenarios import SCENARIOS
from bridge.transport.http import HttpRequest, HttpResponse, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.protocol.audio.tracer import TracerReceiver
    from bridge.simulator.faults.base import Fault
    from bridge.simulator.service.connection import Connection
    from bridge.simulator.service.journal import SessionRecord
    from bridge.simulator.service.state import SimulatorState


class _ChoiceRequest(msgspec.Struct, forbid_unknown_fields=True):
    scenario: str = "good"
    faults: tuple[str, ...] = ()
    key: str = ""
    session: str | None = None


class _CutRequest(msgspec.Struct, forbid_unknown_fields=True):
    how: str = "close"
    code: int = 1011
    reason: str = ""
    key: str | None = None
    session: str | None = None


class _NotFoundError(Exception):
    """The request names something that does not exist. The message becomes the body of a 404."""


class ControlApi:
    """The control API of one simulator."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state
        self._routes: Mapping[tuple[str, str], Callable[[HttpRequest], HttpResponse]] = {
            ("GET", "/_sim/scenarios"): self._scenarios,
            ("GET", "/_sim/arrivals"): self._arrivals,
            ("GET", "/_sim/account"): self._account,
            ("POST", "/_sim/scenario"): self._choose,
            ("POST", "/_sim/cut"): self._cut,
            ("POST", "/_sim/reset"): self._reset,
        }

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer one control request. The body of an error is `{"error": MESSAGE}`."""
        handler = self._routes.get((request.method, request.path.rstrip("/")))
        if handler is None:
            known = ", ".join(f"{method} {path}" for method, path in self._routes)
            return json_response(404, {"error": f"unknown call {request.method} {request.path}; the calls are {known}"})
        try:
            return handler(request)
        except (msgspec.DecodeError, FaultError) as error:
            return json_response(400, {"error": str(error)})
        except RecursionError:
            return json_response(400, {"error": "the body is nested too deeply"})
        except _NotFoundError as error:
            return json_response(404, {"error": str(error)})

    def _scenarios(self, _request: HttpRequest) -> HttpResponse:
        rows = [{"name": name, "summary": known.summary, "key": known.key} for name, known in SCENARIOS.items()]
        return json_response(200, {"scenarios": rows})

    def _choose(self, request: HttpRequest) -> HttpResponse:
        """Take `{"scenario", "faults", "key" or "session"}`: for the next attempts of a key, or for a running session.

        An empty scenario undoes an earlier choice, so that the settings of the simulator apply again.
        """
        choice = msgspec.json.decode(request.body or b"{}", type=_ChoiceRequest)
        if not choice.scenario and choice.session is None:
            self._state.clear_choice(choice.key)
            return json_response(200, {"scenario": self._state.settings.scenario, "faults": []})
        scenario = SCENARIOS.get(choice.scenario)
        if scenario is None:
            raise _NotFoundError(f"no scenario '{choice.scenario}'; the scenarios are {', '.join(SCENARIOS)}")
        faults: tuple[Fault, ...] = tuple(parse_fault(text) for text in choice.faults)
        if choice.session is not None:
            self._connection(choice.session).add_faults((*scenario.faults, *faults))
        else:
            self._state.choose(scenario.name, faults, key=choice.key)
        return json_response(200, {"scenario": scenario.name, "faults": list(choice.faults)})

    def _cut(self, request: HttpRequest) -> HttpResponse:
        """Take `{"how": close, drop or reset, "code", "reason", "key" or "session"}`; with neither, end all."""
        cut = msgspec.json.decode(request.body or b"{}", type=_CutRequest)
        actions: Mapping[str, WireAction] = {
            "close": CloseFrame(cut.code, cut.reason),
            "drop": Drop(),
            "reset": Reset(),
        }
        if cut.how not in actions:
            raise _NotFoundError(f"how cannot be '{cut.how}'; use one of {', '.join(actions)}")
        live = list(self._state.connections.values()) if cut.session is None else [self._connection(cut.session)]
        chosen = [one for one in live if cut.key is None or one.record.key == cut.key]
        for connection in chosen:
            connection.perform(actions[cut.how])
        return json_response(200, {"cut": len(chosen)})

    def _connection(self, session_id: str) -> Connection:
        try:
            return self._state.connections[session_id]
        except KeyError:
            raise _NotFoundError(f"no running session '{session_id}'") from None

    def _arrivals(self, request: HttpRequest) -> HttpResponse:
        """Return requests, sessions, and tracer audio by key. `?key=` and `?session=` filter the sessions."""
        key, session = request.query.get("key"), request.query.get("session")
        journal = self._state.journal
        records = [one for one in journal.sessions(key) if session in (None, one.session_id)]
        tracers = {
            name: _tracer_counts(journal.tracer_account(name)) for name in dict.fromkeys(one.key for one in records)
        }
        body = {
            "requests": dict(journal.requests),
            "sessions": [_session_json(one) for one in records],
            "tracer": tracers,
        }
        return json_response(200, body)

    def _account(self, _request: HttpRequest) -> HttpResponse:
        """Return totals of a load run: open WebSockets, dials per tenth of a second, tracer audio by key and caller.

        Its size grows with the number of callers, not of sessions. Half a tracer cell of an open session is not in it.
        """
        journal = self._state.journal
        body = {
            "now": self._state.settings.unix_time(),
            "live": len(self._state.connections),
            "dials": journal.dials,
            "turned_away_ms": sum(account.turned_away_ms for account in journal.tracer_accounts.values()),
            "mixed_ms": sum(account.mixed_ms for account in journal.tracer_accounts.values()),
            "tracer": {key: _tracer_counts(account) for key, account in journal.tracer_accounts.items()},
        }
        return json_response(200, body)

    def _reset(self, _request: HttpRequest) -> HttpResponse:
        self._state.reset()
        return json_response(200, {"reset": True})


def _tracer_counts(receiver: TracerReceiver) -> dict[str, Any]:
    return {str(caller): asdict(count) for caller, count in receiver.counts().items()}


def _session_json(record: SessionRecord) -> dict[str, Any]:
    """One session as plain JSON."""
    plain = {name: getattr(record, name) for name in record.__slots__ if name not in ("counts", "sent", "events")}
    events = [msgspec.structs.asdict(event) for event in record.events]
    counts = {"counts": dict(record.counts), "sent": dict(record.sent)}
    return {**plain, **counts, "events": events, "audio_ms": record.audio_ms}
