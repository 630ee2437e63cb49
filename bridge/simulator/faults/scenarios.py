"""Scenarios: named sets of faults. A client selects one by its API key.

`sk-scenario-NAME` selects NAME, with or without a suffix after a dash. A few short keys select the common refusals; any
other `sk-...` key gets the default scenario. To add a scenario, add an entry to the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bridge.simulator.errors.service_errors import SERVICE_ERRORS
from bridge.simulator.faults.session_faults import (
    CommentaryFault,
    ConfirmFault,
    CreateFault,
    ExpireFault,
    HandshakeFault,
    HesitateFault,
    HttpFault,
    McpFault,
    RefuseFault,
    ReplyFault,
    StormFault,
    TranscriptionFault,
)
from bridge.simulator.faults.wire_faults import (
    CloseFault,
    DropFault,
    DuplicateFault,
    GarbageFault,
    HalfOpenFault,
    InvalidUtf8Fault,
    LatencyFault,
    ResetFault,
    StallFault,
    TruncateFault,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.simulator.faults.base import Fault

_KEY_PREFIX = "sk-scenario-"


@dataclass(frozen=True, slots=True)
class SimulatorScenario:
    """A named set of faults."""

    name: str
    summary: str
    faults: tuple[Fault, ...] = ()
    realtime_models: bool = True
    """Whether the project has realtime models."""
    dialect: Literal["ga", "beta"] | None = None
    """Speak this dialect whatever the client asks for; None: the dialect of the simulator's settings."""
    takes_effect: str = ""
    """When the scenario takes effect, if that is after the session is open and configured; empty if it is earlier."""

    @property
    def key(self) -> str:
        """The API key that selects this scenario."""
        return f"{_KEY_PREFIX}{self.name}"

    @property
    def recovers(self) -> bool:
        """Whether only the first few attempts fail, counted per key for as long as the simulator runs."""
        return any(getattr(fault, "times", 0) > 0 for fault in self.faults)


_FIRST_RESPONSE, _SPOKEN_RESPONSE = "in the first response", "in the middle of a spoken response"

_ALL = (
    SimulatorScenario("good", "the healthy service"),
    SimulatorScenario("invalid-key", "the API key is refused everywhere", (RefuseFault("invalid_api_key", on="all"),)),
    SimulatorScenario(
        "no-quota",
        "no credit: minting works, the WebSocket closes right after the 101 (1013)",
        (RefuseFault("insufficient_quota"),),
    ),
    SimulatorScenario("mint-quota", "no credit: minting returns 429", (RefuseFault("insufficient_quota", on="mint"),)),
    SimulatorScenario(
        "rate-limited",
        "rate limit: minting returns 429 with retry-after, and responses fail",
        (
            RefuseFault("rate_limit_exceeded", on="mint", retry_after=20),
            ReplyFault("fail", code="inference_rate_limit_exceeded"),
        ),
    ),
    SimulatorScenario("no-access", "no access to the Realtime API (403)", (HttpFault(403, on="mint+socket"),)),
    SimulatorScenario(
        "no-model", "the project has no realtime models", (RefuseFault("model_not_found"),), realtime_models=False
    ),
    SimulatorScenario(
        "model-gone",
        "the model is listed and can be minted, but the WebSocket does not find it (4004)",
        (RefuseFault("model_not_found"),),
    ),
    SimulatorScenario("mint-500", "minting returns 500", (HttpFault(500, on="mint"),)),
    SimulatorScenario("mint-503", "minting returns 503 with retry-after", (HttpFault(503, on="mint", retry_after=5),)),
    SimulatorScenario(
        "wrong-country",
        "requests from this country are refused everywhere (403)",
        (HttpFault(403, on="all", says="unsupported_country_region_territory"),),
    ),
    SimulatorScenario(
        "slow-down", "minting returns 503 slow_down", (HttpFault(503, on="mint", retry_after=5, says="slow_down"),)
    ),
    SimulatorScenario("gateway-502", "a gateway returns 502 for everything", (HttpFault(502, on="all", says="page"),)),
    SimulatorScenario("redirected", "the upgrade returns 302", (HttpFault(302, says="page"),)),
    SimulatorScenario("not-a-websocket", "the upgrade returns 200 with an HTML page", (HttpFault(200, says="page"),)),
    SimulatorScenario("mint-404", "the server has no minting endpoint (404)", (HttpFault(404, on="mint"),)),
    SimulatorScenario("handshake-401", "the upgrade returns 401", (HttpFault(401),)),
    SimulatorScenario("handshake-403", "the upgrade returns 403", (HttpFault(403),)),
    SimulatorScenario("handshake-404", "the upgrade returns 404", (HttpFault(404),)),
    SimulatorScenario("handshake-429", "the upgrade returns 429", (HttpFault(429, retry_after=7),)),
    SimulatorScenario("handshake-500", "the upgrade returns 500", (HttpFault(500),)),
    SimulatorScenario("handshake-503", "the upgrade returns 503", (HttpFault(503, retry_after=5),)),
    SimulatorScenario("flaky-handshake", "the upgrade returns 503 twice, then succeeds", (HttpFault(503, times=2),)),
    SimulatorScenario(
        "flaky-session", "the session fails twice, then succeeds", (RefuseFault("server_error", times=2),)
    ),
    *(
        SimulatorScenario(
            name, f"refused right after the 101: {code} ({SERVICE_ERRORS[code].close_code})", (RefuseFault(code),)
        )
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
    SimulatorScenario("session-expired", "the session expires after 50 ms (1001)", (ExpireFault(0.05),)),
    SimulatorScenario("short-session", "the session reaches its maximum duration after 5 s", (ExpireFault(5),)),
    SimulatorScenario("never-created", "session.created never comes", (CreateFault(-1),)),
    SimulatorScenario("slow-created", "session.created comes after 3 s", (CreateFault(3),)),
    SimulatorScenario("not-confirmed", "session.update is never confirmed", (ConfirmFault("never"),)),
    SimulatorScenario("update-refused", "session.update is refused: unknown_parameter", (ConfirmFault("refuse"),)),
    SimulatorScenario(
        "dropped", "the TCP connection ends without a close frame before session.created", (DropFault("connect"),)
    ),
    SimulatorScenario(
        "dropped-mid-append",
        "the TCP connection ends at the 20th append",
        (DropFault("append", 20),),
        takes_effect="while the client sends audio",
    ),
    SimulatorScenario(
        "dropped-mid-response",
        "the TCP connection ends at the 5th audio delta",
        (DropFault("audio", 5),),
        takes_effect=_SPOKEN_RESPONSE,
    ),
    SimulatorScenario("reset", "the TCP connection is reset before session.created", (ResetFault("connect"),)),
    SimulatorScenario("closed-1000", "closed with 1000 before session.created", (CloseFault("connect", code=1000),)),
    SimulatorScenario("closed-1001", "closed with 1001 before session.created", (CloseFault("connect", code=1001),)),
    SimulatorScenario("closed-1011", "closed with 1011 before session.created", (CloseFault("connect", code=1011),)),
    SimulatorScenario("closed-1012", "closed with 1012 before session.created", (CloseFault("connect", code=1012),)),
    SimulatorScenario(
        "closed-1013",
        "closed with 1013, but no error event, before session.created",
        (CloseFault("connect", code=1013),),
    ),
    SimulatorScenario(
        "closed-mid-response",
        "closed with 1011 at the 5th audio delta",
        (CloseFault("audio", 5),),
        takes_effect=_SPOKEN_RESPONSE,
    ),
    SimulatorScenario(
        "half-open",
        "the service stops reading and writing once the session is configured",
        (HalfOpenFault("ready"),),
        takes_effect="after session.updated",
    ),
    SimulatorScenario("no-101", "the upgrade is never answered", (HandshakeFault("never"),)),
    SimulatorScenario("early-eof", "the connection ends instead of the 101", (HandshakeFault("closed"),)),
    SimulatorScenario("wrong-accept", "the 101 has a wrong Sec-WebSocket-Accept", (HandshakeFault("wrong-accept"),)),
    SimulatorScenario(
        "not-http", "the upgrade is answered with something other than HTTP", (HandshakeFault("not-http"),)
    ),
    SimulatorScenario("garbage-frame", "the first frame is not JSON", (GarbageFault("connect"),)),
    SimulatorScenario("invalid-utf8", "the first frame is not UTF-8", (InvalidUtf8Fault("connect"),)),
    SimulatorScenario("beta-server", "the server speaks the beta dialect", dialect="beta"),
    SimulatorScenario(
        "mute",
        "the service accepts everything but never responds",
        (ReplyFault("silence"),),
        takes_effect=_FIRST_RESPONSE,
    ),
    SimulatorScenario(
        "failed-response", "responses fail without an error event", (ReplyFault("fail"),), takes_effect=_FIRST_RESPONSE
    ),
    SimulatorScenario(
        "fails-later",
        "the second response fails",
        (ReplyFault("fail", after=1),),
        takes_effect="in the second response",
    ),
    SimulatorScenario(
        "failed-transcription",
        "input transcription fails",
        (TranscriptionFault("fail"),),
        takes_effect="when speech is transcribed",
    ),
    SimulatorScenario(
        "commentary",
        "each response has two items: a sentence of commentary, and the answer or the tool call",
        (CommentaryFault(),),
        takes_effect=_FIRST_RESPONSE,
    ),
    SimulatorScenario(
        "mcp-unlisted",
        "the tools of MCP servers cannot be listed",
        (McpFault("unlisted"),),
        takes_effect="in a session with MCP tools",
    ),
    SimulatorScenario(
        "mcp-failed",
        "every call of an MCP tool fails",
        (McpFault(),),
        takes_effect="when an MCP tool is called",
    ),
    SimulatorScenario(
        "hesitant",
        "semantic_vad waits its longest time after each sentence: 8, 4 or 2 s",
        (HesitateFault(),),
        takes_effect="under semantic_vad",
    ),
    SimulatorScenario(
        "echo", "responses repeat the audio of the user's turn", (ReplyFault("echo"),), takes_effect=_FIRST_RESPONSE
    ),
    SimulatorScenario(
        "error-storm",
        "50 harmless error events per second",
        (StormFault(50),),
        takes_effect="between the events of a session",
    ),
    SimulatorScenario(
        "far-away",
        "180 ms of latency with 60 ms of jitter",
        (LatencyFault(180, 60),),
        takes_effect="in the delays during a conversation",
    ),
    SimulatorScenario(
        "stalls",
        "the service stalls for 5 s in the middle of a response",
        (StallFault("audio", 5, 3),),
        takes_effect=_SPOKEN_RESPONSE,
    ),
    SimulatorScenario(
        "doubled", "one event in ten is sent twice", (DuplicateFault(0.1),), takes_effect="in a long run of events"
    ),
    SimulatorScenario(
        "cut-frames", "one frame in ten is cut in half", (TruncateFault(0.1),), takes_effect="in a long run of events"
    ),
)
SCENARIOS: Mapping[str, SimulatorScenario] = {scenario.name: scenario for scenario in _ALL}

#: Short keys for the common refusals.
SHORT_KEYS: Mapping[str, str] = {
    "sk-invalid": "invalid-key",
    "sk-noquota": "no-quota",
    "sk-ratelimited": "rate-limited",
    "sk-noaccess": "no-access",
    "sk-nomodel": "no-model",
}


def scenario_for_key(key: str, default: str = "good") -> SimulatorScenario | None:
    """Return the scenario that a key selects; None if it begins with `sk-scenario-` but names no known scenario."""
    if key.startswith(_KEY_PREFIX):
        wanted = key.removeprefix(_KEY_PREFIX)
        names = [name for name in SCENARIOS if wanted == name or wanted.startswith(f"{name}-")]
        return SCENARIOS[max(names, key=len)] if names else None
    short = next((name for prefix, name in SHORT_KEYS.items() if key.startswith(prefix)), default)
    return SCENARIOS[short]
