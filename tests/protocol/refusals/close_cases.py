"""Every close code, bare and with the reasons that are on record."""

from __future__ import annotations

from tests.protocol.refusals.provoke import SessionProvocation, TlsProvocation
from tests.protocol.refusals.simulated_case import SimulatedCase


def _bare(code: int) -> SessionProvocation:
    return SessionProvocation(faults=(f"close:at=connect,code={code}",))


def _saying(code: int, reason: str) -> SessionProvocation:
    return SessionProvocation(faults=(f"close:at=connect,code={code},reason={reason}",))


#: Without a reason, or with one that explains nothing.
_BARE: dict[int, str] = {
    1000: "CLOSED-NORMALLY",
    1001: "GOING-AWAY",
    1002: "PROTOCOL-FAULT",
    1003: "FRAME-NOT-TAKEN",
    1005: "DROPPED",
    1007: "BAD-UTF8",
    1008: "POLICY",
    1009: "MESSAGE-TOO-BIG",
    1011: "INTERNAL-FAULT",
    1012: "RESTARTING",
    1013: "TRY-LATER",
    1014: "GATEWAY-FAILED",
    3000: "KEY-REFUSED",
    4000: "SHAPE-REFUSED",
    4004: "MODEL-NOT-FOUND",
}

CLOSE_CASES: tuple[SimulatedCase, ...] = (
    *(SimulatedCase(code, slug, _bare(code), "bare") for code, slug in _BARE.items()),
    SimulatedCase(1006, "DROPPED", SessionProvocation(scenario="dropped"), "TCP ends"),
    SimulatedCase(1006, "DROPPED", SessionProvocation(scenario="reset"), "TCP is reset"),
    SimulatedCase(1015, "TLS-FAILED", TlsProvocation(), "TLS at a plain port"),
    SimulatedCase(1001, "SESSION-EXPIRED", SessionProvocation(scenario="session-expired"), "age"),
    SimulatedCase(1011, "PINGS-UNANSWERED", _saying(1011, "keepalive ping timeout"), "ping time-out"),
    SimulatedCase(1011, "INTERNAL-FAULT", _saying(1011, "internal error"), "of a proxy"),
    SimulatedCase(1013, "NO-QUOTA", SessionProvocation(scenario="no-quota"), "billing"),
    SimulatedCase(1013, "CREDIT-EXHAUSTED", SessionProvocation(scenario="credit-exhausted"), "finer billing"),
    SimulatedCase(3000, "KEY-REFUSED", SessionProvocation(scenario="invalid-key"), "key"),
    SimulatedCase(3000, "NO-KEY", SessionProvocation(key=""), "no key"),
    SimulatedCase(4000, "BETA-DISABLED", SessionProvocation(headers=(("OpenAI-Beta", "realtime=v1"),)), "beta"),
    SimulatedCase(4000, "INVALID-MODEL", SessionProvocation(query="model=gpt-live-1"), "model"),
    SimulatedCase(4000, "MISSING-MODEL", SessionProvocation(query=""), "no model"),
    SimulatedCase(4000, "INVALID-INTENT", SessionProvocation(query="intent=singing"), "intent"),
    SimulatedCase(
        4004, "MODEL-NOT-FOUND", SessionProvocation(query="model=gpt-4o-mini-realtime-preview"), "removed model"
    ),
)
