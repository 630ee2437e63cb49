"""What each of the simulator's scenarios must lead to when `access` looks at it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Expected:
    """What a scenario must lead to: the failed check and the code; warnings are named too."""

    check: str = ""
    code: str = ""
    warnings: tuple[str, ...] = ()
    patience: float = 2.0


GOOD = Expected()
EXPECTED: dict[str, Expected] = {
    "good": GOOD,
    "invalid-key": Expected("key", "ACCESS-KEY-REFUSED"),
    "no-quota": Expected("session", "ACCESS-NO-QUOTA"),
    "mint-quota": Expected("mint", "ACCESS-NO-QUOTA"),
    "rate-limited": Expected("mint", "ACCESS-RATE-LIMITED"),
    "no-access": Expected("mint", "ACCESS-NO-REALTIME-ACCESS"),
    "no-model": Expected("model", "ACCESS-NO-REALTIME-MODELS"),
    "model-gone": Expected("session", "ACCESS-MODEL-NOT-FOUND"),
    "mint-500": Expected("mint", "ACCESS-SERVER-ERROR"),
    "mint-503": Expected("mint", "ACCESS-OVERLOADED"),
    "mint-404": Expected(warnings=("ACCESS-MINT-NOT-OFFERED",)),
    "slow-down": Expected("mint", "ACCESS-OVERLOADED"),
    "wrong-country": Expected("key", "ACCESS-COUNTRY-REFUSED"),
    "gateway-502": Expected("key", "ACCESS-GATEWAY-FAILED"),
    "redirected": Expected("upgrade", "ACCESS-REDIRECTED"),
    "not-a-websocket": Expected("upgrade", "ACCESS-NOT-A-WEBSOCKET"),
    "handshake-401": Expected("upgrade", "ACCESS-KEY-REFUSED"),
    "handshake-403": Expected("upgrade", "ACCESS-UPGRADE-FORBIDDEN"),
    "handshake-404": Expected("upgrade", "ACCESS-NO-REALTIME-ROUTE"),
    "handshake-429": Expected("upgrade", "ACCESS-RATE-LIMITED"),
    "handshake-500": Expected("upgrade", "ACCESS-SERVER-ERROR"),
    "handshake-503": Expected("upgrade", "ACCESS-OVERLOADED"),
    "flaky-handshake": Expected("upgrade", "ACCESS-OVERLOADED"),
    "flaky-session": Expected("session", "ACCESS-SERVER-ERROR"),
    "beta-refused": Expected("session", "ACCESS-BETA-DISABLED"),
    "missing-model": Expected("session", "ACCESS-MISSING-MODEL"),
    "invalid-model": Expected("session", "ACCESS-INVALID-MODEL"),
    "invalid-intent": Expected("session", "ACCESS-INVALID-INTENT"),
    "no-credential": Expected("session", "ACCESS-NO-KEY"),
    "credit-exhausted": Expected("session", "ACCESS-CREDIT-EXHAUSTED"),
    "project-limit": Expected("session", "ACCESS-PROJECT-SPEND-LIMIT"),
    "organization-limit": Expected("session", "ACCESS-ORGANIZATION-SPEND-LIMIT"),
    "usage-limit": Expected("session", "ACCESS-ORGANIZATION-USAGE-LIMIT"),
    "session-limited": Expected("session", "ACCESS-RATE-LIMITED"),
    "server-error": Expected("session", "ACCESS-SERVER-ERROR"),
    "session-expired": Expected("confirm", "ACCESS-SESSION-EXPIRED", ("ACCESS-SESSION-SHORT",)),
    "short-session": Expected(warnings=("ACCESS-SESSION-SHORT",)),
    "never-created": Expected("session", "ACCESS-NO-FIRST-FRAME", patience=0.3),
    "slow-created": Expected(patience=6.0),
    "not-confirmed": Expected("confirm", "ACCESS-NOT-CONFIRMED", patience=0.3),
    "update-refused": Expected("confirm", "ACCESS-CONFIG-REFUSED"),
    "dropped": Expected("session", "ACCESS-DROPPED"),
    "reset": Expected("session", "ACCESS-DROPPED"),
    "closed-1000": Expected("session", "ACCESS-CLOSED-NORMALLY"),
    "closed-1001": Expected("session", "ACCESS-GOING-AWAY"),
    "closed-1011": Expected("session", "ACCESS-INTERNAL-FAULT"),
    "closed-1012": Expected("session", "ACCESS-RESTARTING"),
    "closed-1013": Expected("session", "ACCESS-TRY-LATER"),
    "no-101": Expected("upgrade", "ACCESS-UPGRADE-NO-ANSWER", patience=0.3),
    "early-eof": Expected("upgrade", "ACCESS-CLOSED-EARLY"),
    "wrong-accept": Expected("upgrade", "ACCESS-BAD-ACCEPT"),
    "not-http": Expected("upgrade", "ACCESS-NOT-HTTP"),
    "garbage-frame": Expected("session", "ACCESS-NOT-REALTIME"),
    "invalid-utf8": Expected("session", "ACCESS-PROTOCOL-BROKEN"),
    "beta-server": Expected(warnings=("ACCESS-OTHER-DIALECT",)),
}

#: They show later than a check of access looks, or change only how long things take.
OUT_OF_SIGHT = frozenset(
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
        "mute",
        "stalls",
    }
)
SLOW = {"slow-created"}
