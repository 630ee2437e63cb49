"""What each of the simulator's scenarios must lead to when `access` looks at it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExpectedFinding:
    """What a scenario must lead to: the failed check and the code; warnings are named too."""

    check: str = ""
    code: str = ""
    warnings: tuple[str, ...] = ()
    timeout: float = 2.0


GOOD = ExpectedFinding()
EXPECTED: dict[str, ExpectedFinding] = {
    "good": GOOD,
    "invalid-key": ExpectedFinding("key", "ACCESS-KEY-REFUSED"),
    "no-quota": ExpectedFinding("session", "ACCESS-NO-QUOTA"),
    "mint-quota": ExpectedFinding("mint", "ACCESS-NO-QUOTA"),
    "rate-limited": ExpectedFinding("mint", "ACCESS-RATE-LIMITED"),
    "no-access": ExpectedFinding("mint", "ACCESS-NO-REALTIME-ACCESS"),
    "no-model": ExpectedFinding("session", "ACCESS-MODEL-NOT-FOUND", ("ACCESS-NO-REALTIME-MODELS",)),
    "model-gone": ExpectedFinding("session", "ACCESS-MODEL-NOT-FOUND"),
    "mint-500": ExpectedFinding("mint", "ACCESS-SERVER-ERROR"),
    "mint-503": ExpectedFinding("mint", "ACCESS-OVERLOADED"),
    "mint-404": ExpectedFinding(warnings=("ACCESS-MINT-NOT-OFFERED",)),
    "slow-down": ExpectedFinding("mint", "ACCESS-OVERLOADED"),
    "wrong-country": ExpectedFinding("key", "ACCESS-COUNTRY-REFUSED"),
    "gateway-502": ExpectedFinding("key", "ACCESS-GATEWAY-FAILED"),
    "redirected": ExpectedFinding("upgrade", "ACCESS-REDIRECTED"),
    "not-a-websocket": ExpectedFinding("upgrade", "ACCESS-NOT-A-WEBSOCKET"),
    "handshake-401": ExpectedFinding("upgrade", "ACCESS-KEY-REFUSED"),
    "handshake-403": ExpectedFinding("upgrade", "ACCESS-UPGRADE-FORBIDDEN"),
    "handshake-404": ExpectedFinding("upgrade", "ACCESS-NO-REALTIME-ROUTE"),
    "handshake-429": ExpectedFinding("upgrade", "ACCESS-RATE-LIMITED"),
    "handshake-500": ExpectedFinding("upgrade", "ACCESS-SERVER-ERROR"),
    "handshake-503": ExpectedFinding("upgrade", "ACCESS-OVERLOADED"),
    "flaky-handshake": ExpectedFinding("upgrade", "ACCESS-OVERLOADED"),
    "flaky-session": ExpectedFinding("session", "ACCESS-SERVER-ERROR"),
    "beta-refused": ExpectedFinding("session", "ACCESS-BETA-DISABLED"),
    "missing-model": ExpectedFinding("session", "ACCESS-MISSING-MODEL"),
    "invalid-model": ExpectedFinding("session", "ACCESS-INVALID-MODEL"),
    "invalid-intent": ExpectedFinding("session", "ACCESS-INVALID-INTENT"),
    "no-credential": ExpectedFinding("session", "ACCESS-NO-KEY"),
    "credit-exhausted": ExpectedFinding("session", "ACCESS-CREDIT-EXHAUSTED"),
    "project-limit": ExpectedFinding("session", "ACCESS-PROJECT-SPEND-LIMIT"),
    "organization-limit": ExpectedFinding("session", "ACCESS-ORGANIZATION-SPEND-LIMIT"),
    "usage-limit": ExpectedFinding("session", "ACCESS-ORGANIZATION-USAGE-LIMIT"),
    "session-limited": ExpectedFinding("session", "ACCESS-RATE-LIMITED"),
    "server-error": ExpectedFinding("session", "ACCESS-SERVER-ERROR"),
    "session-expired": ExpectedFinding("confirm", "ACCESS-SESSION-EXPIRED", ("ACCESS-SESSION-SHORT",)),
    "short-session": ExpectedFinding(warnings=("ACCESS-SESSION-SHORT",)),
    "never-created": ExpectedFinding("session", "ACCESS-NO-FIRST-FRAME", timeout=0.3),
    "slow-created": ExpectedFinding(timeout=6.0),
    "not-confirmed": ExpectedFinding("confirm", "ACCESS-NOT-CONFIRMED", timeout=0.3),
    "update-refused": ExpectedFinding("confirm", "ACCESS-CONFIG-REFUSED"),
    "dropped": ExpectedFinding("session", "ACCESS-DROPPED"),
    "reset": ExpectedFinding("session", "ACCESS-DROPPED"),
    "closed-1000": ExpectedFinding("session", "ACCESS-CLOSED-NORMALLY"),
    "closed-1001": ExpectedFinding("session", "ACCESS-GOING-AWAY"),
    "closed-1011": ExpectedFinding("session", "ACCESS-INTERNAL-FAULT"),
    "closed-1012": ExpectedFinding("session", "ACCESS-RESTARTING"),
    "closed-1013": ExpectedFinding("session", "ACCESS-TRY-LATER"),
    "no-101": ExpectedFinding("upgrade", "ACCESS-UPGRADE-NO-ANSWER", timeout=0.3),
    "early-eof": ExpectedFinding("upgrade", "ACCESS-CLOSED-EARLY"),
    "wrong-accept": ExpectedFinding("upgrade", "ACCESS-BAD-ACCEPT"),
    "not-http": ExpectedFinding("upgrade", "ACCESS-NOT-HTTP"),
    "garbage-frame": ExpectedFinding("session", "ACCESS-NOT-REALTIME"),
    "invalid-utf8": ExpectedFinding("session", "ACCESS-PROTOCOL-BROKEN"),
    "beta-server": ExpectedFinding(warnings=("ACCESS-OTHER-DIALECT",)),
}

#: They show later than a check of access looks, or change only how long things take.
NOT_VISIBLE = frozenset(
    {
        "closed-mid-response",
        "cut-frames",
        "doubled",
        "dropped-mid-append",
        "dropped-mid-response",
        "echo",
        "error-storm",
        "failed-response",
        "failed-transcription",
        "fails-later",
        "far-away",
        "half-open",
        "hesitant",
        "commentary",
        "mcp-unlisted",
        "mcp-failed",
        "mute",
        "stalls",
    }
)
SLOW = {"slow-created"}
