"""Every HTTP status in every place, with bodies that add nothing: there the number alone must explain it."""

from __future__ import annotations

from bridge.protocol.refusals.lookup import Where
from tests.protocol.refusals.provoke import KEY, Fetch, Knock
from tests.protocol.refusals.simulated_case import Row

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


def _azure(query: str = _AZURE_MODEL, *, faults: tuple[str, ...] = (), scenario: str = "good", key: str = "") -> Knock:
    headers = (("api-key", key),) if key else _AZURE_KEY
    where = Where.AZURE_HANDSHAKE
    return Knock(path=_AZURE, query=query, headers=headers, where=where, faults=faults, scenario=scenario)


def _offer(faults: tuple[str, ...] = (), body: bytes = b"v=0") -> Fetch:
    return Fetch(path="/v1/realtime/calls", body=body, where=Where.SDP, faults=faults)


_BARE: tuple[Row, ...] = (
    *(Row((Where.REST, status), slug, Fetch(faults=_page(status, "mint")), "bare") for status, slug in _REST.items()),
    *(
        Row((Where.HANDSHAKE, status), slug, Knock(faults=_page(status, "socket")), "bare")
        for status, slug in _HANDSHAKE.items()
    ),
    *(
        Row((Where.AZURE_HANDSHAKE, status), slug, _azure(faults=_page(status, "socket")), "bare")
        for status, slug in _AZURE_HANDSHAKE.items()
    ),
    *(Row((Where.SDP, status), slug, _offer(_page(status, "mint")), "bare") for status, slug in _SDP.items()),
)

#: The same as the service itself says it.
_SAID: tuple[Row, ...] = (
    Row((Where.REST, 400), "BAD-REQUEST", Fetch(body=b"not json"), "body"),
    Row((Where.REST, 401), "KEY-REFUSED", Fetch(key="sk-invalid-0000"), "key"),
    Row((Where.REST, 404), "NO-SUCH-URL", Fetch(path="/realtime/client_secrets"), "no v1"),
    Row((Where.REST, 429), "RATE-LIMITED", Fetch(scenario="rate-limited"), "rate"),
    Row((Where.REST, 429), "NO-QUOTA", Fetch(scenario="mint-quota"), "billing"),
    Row((Where.REST, 500), "SERVER-ERROR", Fetch(scenario="mint-500"), "fault"),
    Row((Where.REST, 503), "OVERLOADED", Fetch(scenario="slow-down"), "slow down"),
    Row((Where.HANDSHAKE, 403), "UPGRADE-FORBIDDEN", Knock(scenario="no-access"), "no access"),
    Row((Where.HANDSHAKE, 404), "NO-REALTIME-ROUTE", Knock(path="/realtime"), "no v1"),
    Row((Where.HANDSHAKE, 503), "OVERLOADED", Knock(scenario="handshake-503"), "overloaded"),
    Row((Where.AZURE_HANDSHAKE, 401), "AZURE-KEY-REFUSED", _azure(key="short"), "key"),
    Row((Where.AZURE_HANDSHAKE, 401), "AZURE-KEY-REFUSED",
        Knock(path=_AZURE, headers=(), where=Where.AZURE_HANDSHAKE), "no key"),
    Row((Where.AZURE_HANDSHAKE, 401), "AZURE-KEY-REFUSED",
        _azure("api-version=2025-04-01-preview&model=my-deployment"), "api-version on a GA URL"),
    Row((Where.AZURE_HANDSHAKE, 429), "AZURE-CAPACITY", _azure(scenario="session-limited"), "capacity"),
    Row((Where.AZURE_HANDSHAKE, 400), "TRANSCRIPTION-MODEL", _azure("model=gpt-4o-transcribe"), "transcription model"),
    Row((Where.AZURE_HANDSHAKE, 404), "AZURE-NO-DEPLOYMENT", _azure(scenario="model-gone"), "deployment"),
    Row((Where.SDP, 400), "SDP-REFUSED", _offer(body=b"no offer"), "no offer"),
)  # fmt: skip

STATUS_ROWS: tuple[Row, ...] = (*_BARE, *_SAID)

#: What is no refusal, as a check on the rows above.
MINTED = Fetch(body=b'{"session":{"type":"realtime","model":"gpt-realtime-2.1"}}', key=KEY)
OFFERED = _offer()
