"""Every HTTP status in every place, with bodies that add nothing: there the number alone must explain it."""

from __future__ import annotations

from bridge.protocol.refusals.lookup import HttpExchange
from tests.protocol.refusals.provoke import KEY, RestProvocation, UpgradeProvocation
from tests.protocol.refusals.simulated_case import SimulatedCase

_AZURE = "/openai/v1/realtime"
_AZURE_KEY = (("api-key", "0123456789abcdef"),)
_AZURE_MODEL = "model=my-deployment"

_REDIRECTS = dict.fromkeys((301, 302, 303, 307, 308), "REDIRECTED")
_GATEWAYS = dict.fromkeys((502, 504, 520, 521, 522, 523, 524, 525, 526), "GATEWAY-FAILED")

#: By number; each is answered with a page that no API made.
_REST: dict[int, str] = {
    400: "BAD-REQUEST",
    401: "KEY-REFUSED",
    403: "COUNTRY-REFUSED",
    404: "NO-SUCH-URL",
    429: "RATE-LIMITED",
    500: "SERVER-ERROR",
    503: "OVERLOADED",
    **_REDIRECTS,
    **_GATEWAYS,
}
_HANDSHAKE: dict[int, str] = {
    400: "UPGRADE-BAD-REQUEST",
    401: "UPGRADE-UNAUTHORIZED",
    403: "UPGRADE-FORBIDDEN",
    404: "NO-REALTIME-ROUTE",
    429: "RATE-LIMITED",
    500: "UPGRADE-SERVER-ERROR",
    503: "OVERLOADED",
    **dict.fromkeys((200, 405, 426, 501), "NOT-A-WEBSOCKET"),
    **_REDIRECTS,
    **_GATEWAYS,
}
_AZURE_HANDSHAKE: dict[int, str] = {
    400: "AZURE-BAD-REQUEST",
    401: "AZURE-KEY-REFUSED",
    404: "AZURE-NO-DEPLOYMENT",
    429: "AZURE-CAPACITY",
}
_SDP: dict[int, str] = {400: "SDP-REFUSED", 415: "SDP-REFUSED"}


def _page(status: int, on: str) -> tuple[str, ...]:
    return (f"http:status={status},on={on},says=page",)


def _azure(
    query: str = _AZURE_MODEL, *, faults: tuple[str, ...] = (), scenario: str = "good", key: str = ""
) -> UpgradeProvocation:
    headers = (("api-key", key),) if key else _AZURE_KEY
    where = HttpExchange.AZURE_HANDSHAKE
    return UpgradeProvocation(
        path=_AZURE, query=query, headers=headers, exchange=where, faults=faults, scenario=scenario
    )


def _offer(faults: tuple[str, ...] = (), body: bytes = b"v=0") -> RestProvocation:
    return RestProvocation(path="/v1/realtime/calls", body=body, exchange=HttpExchange.SDP, faults=faults)


_BARE: tuple[SimulatedCase, ...] = (
    *(
        SimulatedCase((HttpExchange.REST, status), slug, RestProvocation(faults=_page(status, "mint")), "bare")
        for status, slug in _REST.items()
    ),
    *(
        SimulatedCase(
            (HttpExchange.HANDSHAKE, status), slug, UpgradeProvocation(faults=_page(status, "socket")), "bare"
        )
        for status, slug in _HANDSHAKE.items()
    ),
    *(
        SimulatedCase((HttpExchange.AZURE_HANDSHAKE, status), slug, _azure(faults=_page(status, "socket")), "bare")
        for status, slug in _AZURE_HANDSHAKE.items()
    ),
    *(
        SimulatedCase((HttpExchange.SDP, status), slug, _offer(_page(status, "mint")), "bare")
        for status, slug in _SDP.items()
    ),
)

#: The same as the service itself says it.
_SAID: tuple[SimulatedCase, ...] = (
    SimulatedCase((HttpExchange.REST, 400), "BAD-REQUEST", RestProvocation(body=b"not json"), "body"),
    SimulatedCase((HttpExchange.REST, 401), "KEY-REFUSED", RestProvocation(key="sk-invalid-0000"), "key"),
    SimulatedCase((HttpExchange.REST, 404), "NO-SUCH-URL", RestProvocation(path="/realtime/client_secrets"), "no v1"),
    SimulatedCase((HttpExchange.REST, 429), "RATE-LIMITED", RestProvocation(scenario="rate-limited"), "rate"),
    SimulatedCase((HttpExchange.REST, 429), "NO-QUOTA", RestProvocation(scenario="mint-quota"), "billing"),
    SimulatedCase((HttpExchange.REST, 500), "SERVER-ERROR", RestProvocation(scenario="mint-500"), "fault"),
    SimulatedCase((HttpExchange.REST, 503), "OVERLOADED", RestProvocation(scenario="slow-down"), "slow down"),
    SimulatedCase((HttpExchange.HANDSHAKE, 403), "UPGRADE-FORBIDDEN", UpgradeProvocation(scenario="no-access"),
        "no access"),
    SimulatedCase((HttpExchange.HANDSHAKE, 404), "NO-REALTIME-ROUTE", UpgradeProvocation(path="/realtime"), "no v1"),
    SimulatedCase((HttpExchange.HANDSHAKE, 503), "OVERLOADED", UpgradeProvocation(scenario="handshake-503"),
        "overloaded"),
    SimulatedCase((HttpExchange.AZURE_HANDSHAKE, 401), "AZURE-KEY-REFUSED", _azure(key="short"), "key"),
    SimulatedCase((HttpExchange.AZURE_HANDSHAKE, 401), "AZURE-KEY-REFUSED",
        UpgradeProvocation(path=_AZURE, headers=(), exchange=HttpExchange.AZURE_HANDSHAKE), "no key"),
    SimulatedCase((HttpExchange.AZURE_HANDSHAKE, 401), "AZURE-KEY-REFUSED",
        _azure("api-version=2025-04-01-preview&model=my-deployment"), "api-version on a GA URL"),
    SimulatedCase((HttpExchange.AZURE_HANDSHAKE, 429), "AZURE-CAPACITY", _azure(scenario="session-limited"),
        "capacity"),
    SimulatedCase((HttpExchange.AZURE_HANDSHAKE, 400), "TRANSCRIPTION-MODEL", _azure("model=gpt-4o-transcribe"),
        "transcription model"),
    SimulatedCase((HttpExchange.AZURE_HANDSHAKE, 404), "AZURE-NO-DEPLOYMENT", _azure(scenario="model-gone"),
        "deployment"),
    SimulatedCase((HttpExchange.SDP, 400), "SDP-REFUSED", _offer(body=b"no offer"), "no offer"),
)  # fmt: skip

STATUS_CASES: tuple[SimulatedCase, ...] = (*_BARE, *_SAID)

#: What is no refusal, as a check on the rows above.
MINTED = RestProvocation(body=b'{"session":{"type":"realtime","model":"gpt-realtime-2.1"}}', key=KEY)
OFFERED = _offer()
