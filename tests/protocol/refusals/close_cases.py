"""Every close code, bare and with the reasons that are on record."""

from __future__ import annotations

from tests.protocol.refusals.provoke import SpeakTls, Talk
from tests.protocol.refusals.simulated_case import Row


def _bare(code: int) -> Talk:
    return Talk(faults=(f"close:at=connect,code={code}",))


def _saying(code: int, reason: str) -> Talk:
    return Talk(faults=(f"close:at=connect,code={code},reason={reason}",))


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

CLOSE_ROWS: tuple[Row, ...] = (
    *(Row(code, slug, _bare(code), "bare") for code, slug in _BARE.items()),
    Row(1006, "DROPPED", Talk(scenario="dropped"), "TCP ends"),
    Row(1006, "DROPPED", Talk(scenario="reset"), "TCP is reset"),
    Row(1015, "TLS-FAILED", SpeakTls(), "TLS at a plain port"),
    Row(1001, "SESSION-EXPIRED", Talk(scenario="session-expired"), "age"),
    Row(1011, "PINGS-UNANSWERED", _saying(1011, "keepalive ping timeout"), "ping time-out"),
    Row(1011, "INTERNAL-FAULT", _saying(1011, "internal error"), "of a proxy"),
    Row(1013, "NO-QUOTA", Talk(scenario="no-quota"), "billing"),
    Row(1013, "CREDIT-EXHAUSTED", Talk(scenario="credit-exhausted"), "finer billing"),
    Row(3000, "KEY-REFUSED", Talk(scenario="invalid-key"), "key"),
    Row(3000, "NO-KEY", Talk(key=""), "no key"),
    Row(4000, "BETA-DISABLED", Talk(headers=(("OpenAI-Beta", "realtime=v1"),)), "beta"),
    Row(4000, "INVALID-MODEL", Talk(query="model=gpt-live-1"), "model"),
    Row(4000, "MISSING-MODEL", Talk(query=""), "no model"),
    Row(4000, "INVALID-INTENT", Talk(query="intent=singing"), "intent"),
    Row(4004, "MODEL-NOT-FOUND", Talk(query="model=gpt-4o-mini-realtime-preview"), "removed model"),
)
