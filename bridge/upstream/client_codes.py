"""Which error code of the client protocol stands for which refusal of the service.

A refusal says what the service meant. A client of the bridge needs less: one of the codes of its own protocol.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from bridge.client_protocol.errors import ClientCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.protocol.refusals.model import Refusal

#: Slugs of refusals, by the code that the client gets.
_SLUGS: Mapping[ClientCode, str] = {
    ClientCode.AUTHENTICATION_FAILED: "KEY-REFUSED NO-KEY AZURE-KEY-REFUSED UPGRADE-UNAUTHORIZED",
    ClientCode.ACCESS_DENIED: "COUNTRY-REFUSED KEY-RESTRICTED UPGRADE-FORBIDDEN",
    ClientCode.QUOTA_EXHAUSTED: (
        "NO-QUOTA CREDIT-EXHAUSTED PROJECT-SPEND-LIMIT ORGANIZATION-SPEND-LIMIT ORGANIZATION-USAGE-LIMIT"
    ),
    ClientCode.RATE_LIMITED: "RATE-LIMITED AZURE-CAPACITY",
    ClientCode.MODEL_NOT_AVAILABLE: (
        "MODEL-NOT-FOUND INVALID-MODEL TRANSCRIPTION-MODEL MODEL-WITH-INTENT AZURE-NO-DEPLOYMENT AZURE-BAD-REQUEST"
    ),
    ClientCode.DIALECT_REFUSED: (
        "BETA-DISABLED MISSING-MODEL INVALID-INTENT SHAPE-REFUSED MIXED-SHAPES SESSION-TYPE-MISMATCH"
    ),
    ClientCode.SESSION_NOT_FOUND: "NO-SUCH-URL NO-REALTIME-ROUTE",
    ClientCode.SESSION_EXPIRED: "SESSION-EXPIRED",
    ClientCode.UPSTREAM_UNAVAILABLE: (
        "SERVER-ERROR OVERLOADED TRY-LATER UPGRADE-SERVER-ERROR GATEWAY-FAILED TLS-FAILED NOT-A-WEBSOCKET REDIRECTED"
    ),
    ClientCode.CONNECTION_LOST: (
        "GOING-AWAY CLOSED-NORMALLY DROPPED INTERNAL-FAULT PINGS-UNANSWERED RESTARTING PROTOCOL-FAULT FRAME-NOT-TAKEN "
        "BAD-UTF8 POLICY CLOSED"
    ),
    ClientCode.MESSAGE_TOO_LARGE: "MESSAGE-TOO-BIG",
}
_CODES: Mapping[str, ClientCode] = MappingProxyType(
    {slug: code for code, slugs in _SLUGS.items() for slug in slugs.split()}
)


def client_code(refusal: Refusal) -> ClientCode:
    """Return the code that a client gets for this refusal: UPSTREAM_ERROR unless the table has another one."""
    return _CODES.get(refusal.slug, ClientCode.UPSTREAM_ERROR)
