"""Mint client secrets: short-lived keys that a browser may have. One REST call, in the shape of the dialect.

A minted secret does not prove that its model can be used: the service checks that when the WebSocket opens.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bridge.protocol.dialects.detection import DIALECTS, Dialect, SessionKind, find_client_secret, find_secret_expiry
from bridge.upstream.rest import RestRefused, send_request
from reports.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from bridge.transport.link import Headers
    from bridge.upstream.service import UpstreamService


@dataclass(frozen=True, slots=True, kw_only=True)
class MintResult:
    """A client secret and the session that it is for."""

    secret: Secret
    session_id: str | None
    expires_at: int | None
    """When the secret expires, in Unix seconds."""
    session: Mapping[str, object]
    """The session object in the service's response, without the secret."""
    request_id: str | None
    headers: Headers


async def mint(
    client: httpx.AsyncClient,
    upstream: UpstreamService,
    *,
    kind: SessionKind,
    session: Mapping[str, object],
    expires_seconds: int | None = None,
) -> MintResult:
    """Mint a secret for `session`, in the shape of the upstream's dialect. In GA, a missing `type` is added.

    `expires_seconds` (GA only, 10 to 7200) requests a lifetime. Raises RestRefused (also for a 200 without a secret),
    RestFailed, and ValueError for a kind that the dialect does not have.
    """
    body = _request(upstream.dialect, kind, session, expires_seconds)
    response = await send_request(client, "POST", upstream.mint_url(kind), body)
    response_body = response.json_object()
    value = find_client_secret(response_body)
    if value is None:
        raise RestRefused(response, missing="a client secret")
    session_object = _session_in(response_body)
    session_id = session_object.get("id")
    return MintResult(
        secret=Secret(value),
        session_id=session_id if isinstance(session_id, str) else None,
        expires_at=find_secret_expiry(response_body),
        session=MappingProxyType(session_object),
        request_id=response.request_id,
        headers=response.headers,
    )


def _request(
    dialect: Dialect, kind: SessionKind, session: Mapping[str, object], expires_seconds: int | None
) -> dict[str, object]:
    if dialect is Dialect.BETA:
        return dict(session)
    session_type = DIALECTS[dialect].kinds[kind].session_type
    typed = {"type": session_type} if session_type and kind is not SessionKind.TRANSLATION else {}
    body: dict[str, object] = {"session": {**typed, **session}}
    if expires_seconds is not None:
        body["expires_after"] = {"anchor": "created_at", "seconds": expires_seconds}
    return body


def _session_in(body: Mapping[str, Any]) -> dict[str, object]:
    """Return the session object: `session` in GA, the whole response in the beta. Without the secret."""
    nested = body.get("session")
    session = nested if isinstance(nested, dict) else body
    return {name: value for name, value in session.items() if name not in {"client_secret", "value"}}
