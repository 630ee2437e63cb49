"""One row: a key of one of the three tables, a way to provoke it, and the slug that must explain what comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from bridge.client_protocol.errors import ClientCode
from bridge.protocol.refusals.lookup import HttpExchange

if TYPE_CHECKING:
    from tests.protocol.refusals.provoke import Provocation

Key: TypeAlias = str | int | tuple[HttpExchange, int] | None
"""An error code (None: the error has none), a close code, or a status and where."""


@dataclass(frozen=True, slots=True)
class SimulatedCase:
    """What is expected of one refusal. `about` tells rows of one key apart."""

    key: Key
    slug: str
    how: Provocation
    about: str = ""

    @property
    def name(self) -> str:
        """What pytest shows."""
        key = f"{self.key[0]}-{self.key[1]}" if isinstance(self.key, tuple) else str(self.key)
        return f"{key} {self.about}".strip().replace(" ", "-")


_REQUEST_SLUGS = (
    "INVALID-VALUE", "INVALID-TYPE", "UNKNOWN-PARAMETER", "MISSING-PARAMETER", "UNKNOWN-EVENT", "VALUE-TOO-SMALL",
    "VALUE-TOO-LARGE", "TEXT-TOO-LONG", "INVALID-JSON", "INVALID-EVENT", "COMMIT-EMPTY", "NOTHING-TO-CANCEL",
    "VOICE-FIXED", "UNKNOWN-ITEM", "ITEM-EXISTS", "NO-AUDIO-TO-TRUNCATE", "CONVERSATION-TOO-LONG", "UNKNOWN-CALL",
    "AUDIO-UNINTELLIGIBLE", "BAD-REQUEST", "UPGRADE-BAD-REQUEST", "SDP-REFUSED",
)  # fmt: skip
_LOST_SLUGS = ("GOING-AWAY", "CLOSED-NORMALLY", "DROPPED", "INTERNAL-FAULT", "PINGS-UNANSWERED", "RESTARTING")
_BROKEN_SLUGS = ("PROTOCOL-FAULT", "FRAME-NOT-TAKEN", "BAD-UTF8", "POLICY")
_DIALECT_SLUGS = (
    "BETA-DISABLED", "MISSING-MODEL", "INVALID-INTENT", "SHAPE-REFUSED", "MIXED-SHAPES", "SESSION-TYPE-MISMATCH",
)  # fmt: skip
_MODEL_SLUGS = (
    "MODEL-NOT-FOUND", "INVALID-MODEL", "TRANSCRIPTION-MODEL", "MODEL-WITH-INTENT", "AZURE-NO-DEPLOYMENT",
    "AZURE-BAD-REQUEST",
)  # fmt: skip
_BILLING_SLUGS = (
    "NO-QUOTA", "CREDIT-EXHAUSTED", "PROJECT-SPEND-LIMIT", "ORGANIZATION-SPEND-LIMIT", "ORGANIZATION-USAGE-LIMIT",
)  # fmt: skip
_KEY_SLUGS = ("KEY-REFUSED", "NO-KEY", "UPGRADE-UNAUTHORIZED", "AZURE-KEY-REFUSED")
_WAIT_SLUGS = ("SERVER-ERROR", "OVERLOADED", "UPGRADE-SERVER-ERROR", "TRY-LATER", "GATEWAY-FAILED", "TLS-FAILED")

#: What a bridge's client is to be told for each, and whether to try again unchanged: by the client protocol.
CLIENT_ERRORS: dict[str, tuple[ClientCode, bool]] = {
    **dict.fromkeys(_KEY_SLUGS, (ClientCode.AUTHENTICATION_FAILED, False)),
    **dict.fromkeys(("COUNTRY-REFUSED", "UPGRADE-FORBIDDEN", "KEY-RESTRICTED"), (ClientCode.ACCESS_DENIED, False)),
    **dict.fromkeys(_BILLING_SLUGS, (ClientCode.QUOTA_EXHAUSTED, False)),
    **dict.fromkeys(("RATE-LIMITED", "AZURE-CAPACITY"), (ClientCode.RATE_LIMITED, True)),
    **dict.fromkeys(_MODEL_SLUGS, (ClientCode.MODEL_NOT_AVAILABLE, False)),
    **dict.fromkeys(_DIALECT_SLUGS, (ClientCode.DIALECT_REFUSED, False)),
    **dict.fromkeys(_REQUEST_SLUGS, (ClientCode.UPSTREAM_ERROR, False)),
    "RESPONSE-ACTIVE": (ClientCode.UPSTREAM_ERROR, True),
    "NO-SUCH-URL": (ClientCode.SESSION_NOT_FOUND, False),
    "NO-REALTIME-ROUTE": (ClientCode.SESSION_NOT_FOUND, False),
    "SESSION-EXPIRED": (ClientCode.SESSION_EXPIRED, True),
    **dict.fromkeys(_WAIT_SLUGS, (ClientCode.UPSTREAM_UNAVAILABLE, True)),
    **dict.fromkeys(("NOT-A-WEBSOCKET", "REDIRECTED"), (ClientCode.UPSTREAM_UNAVAILABLE, False)),
    **dict.fromkeys(_LOST_SLUGS, (ClientCode.CONNECTION_LOST, True)),
    **dict.fromkeys(_BROKEN_SLUGS, (ClientCode.CONNECTION_LOST, False)),
    "MESSAGE-TOO-BIG": (ClientCode.MESSAGE_TOO_LARGE, False),
}
