"""Scenarios: named ways for the service to behave, each a few faults. Any client can ask for one by its API key.

`sk-scenario-NAME…` asks for NAME; a few shorter keys stand for the usual refusals; every other `sk-…` is good.
To add one: a line in the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bridge.simulator.errors.service_errors import ENDINGS
from bridge.simulator.faults.session_faults import (
    Confirm,
    Create,
    Expire,
    Handshake,
    Http,
    Refuse,
    Reply,
    Storm,
    Transcription,
)
from bridge.simulator.faults.wire_faults import (
    CloseAt,
    DropAt,
    Duplicate,
    Garbage,
    HalfOpen,
    InvalidUtf8,
    Latency,
    ResetAt,
    Stall,
    Truncate,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.simulator.faults.base import Fault

_KEY_PREFIX = "sk-scenario-"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named way to behave."""

    name: str
    summary: str
    faults: tuple[Fault, ...] = ()
    realtime_models: bool = True
    """Whether the project's model list holds realtime models."""
    dialect: Literal["ga", "beta"] | None = None
    """Answer in this dialect whatever was asked; None: as the client asks."""
    later: str = ""
    """Where it shows itself, when that is later than an open and configured session; empty where it shows at once."""

    @property
    def key(self) -> str:
        """An API key that asks for this scenario."""
        return f"{_KEY_PREFIX}{self.name}"

    @property
    def wears_off(self) -> bool:
        """Whether it fails a few times only, counted over the life of one simulator."""
        return any(getattr(fault, "times", 0) > 0 for fault in self.faults)


_ANSWERING, _SPEAKING = "in the first response", "in the middle of a spoken response"

_ALL = (
    Scenario("good", "the healthy service"),
    Scenario("invalid-key", "the key is refused everywhere", (Refuse("invalid_api_key", on="all"),)),
    Scenario("no-quota", "no credit: minted, then refused behind the 101 (1013)", (Refuse("insufficient_quota"),)),
    Scenario("mint-quota", "no credit: refused while minting (429)", (Refuse("insufficient_quota", on="mint"),)),
    Scenario(
        "rate-limited",
        "rate limit: minting answers 429 with retry-after, responses fail",
        (Refuse("rate_limit_exceeded", on="mint", retry_after=20), Reply("fail", code="rate_limit_exceeded")),
    ),
    Scenario("no-access", "no access to the Realtime API (403)", (Http(403, on="mint+socket"),)),
    Scenario("no-model", "no realtime model in this project", (Refuse("model_not_found"),), realtime_models=False),
    Scenario("model-gone", "the model is listed and minted, then not found (4004)", (Refuse("model_not_found"),)),
    Scenario("mint-500", "minting answers 500", (Http(500, on="mint"),)),
    Scenario("mint-503", "minting answers 503 with retry-after", (Http(503, on="mint", retry_after=5),)),
    Scenario(
        "wrong-country",
        "requests from here are refused everywhere (403)",
        (Http(403, on="all", says="unsupported_country_region_territory"),),
    ),
    Scenario("slow-down", "minting answers 503 slow_down", (Http(503, on="mint", retry_after=5, says="slow_down"),)),
    Scenario("gateway-502", "a gateway answers 502 to everything", (Http(502, on="all", says="page"),)),
    Scenario("redirected", "the upgrade answers 302", (Http(302, says="page"),)),
    Scenario("not-a-websocket", "the upgrade answers 200 with a page", (Http(200, says="page"),)),
    Scenario("mint-404", "a server without minting", (Http(404, on="mint"),)),
    Scenario("handshake-401", "the upgrade answers 401", (Http(401),)),
    Scenario("handshake-403", "the upgrade answers 403", (Http(403),)),
    Scenario("handshake-404", "the upgrade answers 404", (Http(404),)),
    Scenario("handshake-429", "the upgrade answers 429", (Http(429, retry_after=7),)),
    Scenario("handshake-500", "the upgrade answers 500", (Http(500),)),
    Scenario("handshake-503", "the upgrade answers 503", (Http(503, retry_after=5),)),
    Scenario("flaky-handshake", "the upgrade answers 503 twice, then succeeds", (Http(503, times=2),)),
    Scenario("flaky-session", "the session fails twice, then succeeds", (Refuse("server_error", times=2),)),
    *(
        Scenario(name, f"refused behind the 101: {code} ({ENDINGS[code].close_code})", (Refuse(code),))
        for name, code in (
            ("beta-refused", "beta_api_shape_disabled"),
            ("missing-model", "missing_model"),
            ("invalid-model", "invalid_model"),
            ("invalid-intent", "invalid_intent"),
            ("no-credential", "no_credential"),
            ("credit-exhausted", "credit_balance_exhausted"),
            ("project-limit", "project_spend_limit_exceeded"),
            ("organization-limit", "organization_spend_limit_exceeded"),
            ("usage-limit", "organization_usage_limit_exceeded"),
            ("session-limited", "rate_limit_exceeded"),
            ("server-error", "server_error"),
        )
    ),
    Scenario("session-expired", "the session is over almost at once (1001)", (Expire(0.05),)),
    Scenario("short-session", "the session hits its maximum duration after 5 s", (Expire(5),)),
    Scenario("never-created", "101, then nothing", (Create(-1),)),
    Scenario("slow-created", "session.created after 3 s", (Create(3),)),
    Scenario("not-confirmed", "session.update is never answered", (Confirm("never"),)),
    Scenario("update-refused", "session.update is refused: unknown_parameter", (Confirm("refuse"),)),
    Scenario("dropped", "TCP ends without a close frame before session.created", (DropAt("connect"),)),
    Scenario("dropped-mid-append", "TCP ends at the 20th append", (DropAt("append", 20),), later="while audio is sent"),
    Scenario("dropped-mid-response", "TCP ends at the 5th audio delta", (DropAt("audio", 5),), later=_SPEAKING),
    Scenario("reset", "TCP is reset before session.created", (ResetAt("connect"),)),
    Scenario("closed-1000", "closed with 1000 before session.created", (CloseAt("connect", code=1000),)),
    Scenario("closed-1001", "closed with 1001 before session.created", (CloseAt("connect", code=1001),)),
    Scenario("closed-1011", "closed with 1011 before session.created", (CloseAt("connect", code=1011),)),
    Scenario("closed-1012", "closed with 1012 before session.created", (CloseAt("connect", code=1012),)),
    Scenario("closed-1013", "closed with a bare 1013 before session.created", (CloseAt("connect", code=1013),)),
    Scenario("closed-mid-response", "closed with 1011 at the 5th audio delta", (CloseAt("audio", 5),), later=_SPEAKING),
    Scenario(
        "half-open", "stops reading and writing once configured", (HalfOpen("ready"),), later="behind session.updated"
    ),
    Scenario("no-101", "the upgrade is never answered", (Handshake("never"),)),
    Scenario("early-eof", "the connection ends in place of the 101", (Handshake("closed"),)),
    Scenario("wrong-accept", "the 101 has a wrong Sec-WebSocket-Accept", (Handshake("wrong-accept"),)),
    Scenario("not-http", "garbage in place of the 101", (Handshake("not-http"),)),
    Scenario("garbage-frame", "the first frame is not JSON", (Garbage("connect"),)),
    Scenario("invalid-utf8", "the first frame is not UTF-8", (InvalidUtf8("connect"),)),
    Scenario("beta-server", "answers in the beta dialect", dialect="beta"),
    Scenario("mute", "accepts everything, answers nothing", (Reply("silence"),), later=_ANSWERING),
    Scenario("failed-response", "responses fail without an error event", (Reply("fail"),), later=_ANSWERING),
    Scenario("fails-later", "the second response fails", (Reply("fail", after=1),), later="in the second response"),
    Scenario(
        "failed-transcription", "transcriptions fail", (Transcription("fail"),), later="when speech is transcribed"
    ),
    Scenario("echo", "answers with the audio that it heard", (Reply("echo"),), later=_ANSWERING),
    Scenario("error-storm", "50 harmless errors a second", (Storm(50),), later="between the events of a session"),
    Scenario("far-away", "180 ms away, 60 ms jitter", (Latency(180, 60),), later="in the delays of a talk"),
    Scenario("stalls", "hangs for 5 s in the middle of an answer", (Stall("audio", 5, 3),), later=_SPEAKING),
    Scenario("doubled", "one event in ten comes twice", (Duplicate(0.1),), later="in a long run of events"),
    Scenario("cut-frames", "one frame in ten is cut in half", (Truncate(0.1),), later="in a long run of events"),
)
SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in _ALL}

#: Short keys for the usual refusals.
KEYS: Mapping[str, str] = {
    "sk-invalid": "invalid-key",
    "sk-noquota": "no-quota",
    "sk-ratelimited": "rate-limited",
    "sk-noaccess": "no-access",
    "sk-nomodel": "no-model",
}


def scenario_for_key(key: str, default: str = "good") -> Scenario | None:
    """Give the scenario that a key asks for; None for a `sk-scenario-…` that names none."""
    if key.startswith(_KEY_PREFIX):
        wanted = key.removeprefix(_KEY_PREFIX)
        names = [name for name in SCENARIOS if wanted == name or wanted.startswith(f"{name}-")]
        return SCENARIOS[max(names, key=len)] if names else None
    short = next((name for prefix, name in KEYS.items() if key.startswith(prefix)), default)
    return SCENARIOS[short]
