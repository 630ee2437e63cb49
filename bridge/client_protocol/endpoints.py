"""Where a bridge is reached: the paths of its endpoints, and a WebSocket URL made from any URL of the bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

CLIENT_PATH: Final = "/api/openai/realtime"
"""The client endpoint: WebSocket, the client protocol."""
NATIVE_PATH: Final = "/v1/realtime"
"""The native endpoint: WebSocket, the Realtime API itself, for unmodified SDKs."""
FALLBACK_PATH: Final = f"{CLIENT_PATH}/sessions"
"""The REST fallback, for clients whose network blocks WebSockets."""
OPENAPI_PATH: Final = f"{CLIENT_PATH}/openapi.json"
"""The OpenAPI document of the REST fallback."""

HEALTH_PATH: Final = "/healthz"
"""Liveness: 200 for as long as the process serves."""
READY_PATH: Final = "/readyz"
"""Readiness: 503 while the bridge drains or its upstream is known to fail."""
METRICS_PATH: Final = "/metrics"
"""Prometheus metrics."""

_WEBSOCKET_SCHEMES: Final = {"http": "ws", "https": "wss"}


def websocket_url(url: str, path: str, query: Mapping[str, str] | None = None) -> str:
    """Make the WebSocket URL of an endpoint from any URL of the bridge.

    `url` may be `host:port`, an HTTP or a WebSocket URL. A path or a query of its own wins over `path` and `query`.
    """
    parts = urlsplit(url if "://" in url else f"ws://{url}")
    scheme = _WEBSOCKET_SCHEMES.get(parts.scheme, parts.scheme)
    own_path = parts.path if parts.path.strip("/") else path
    return urlunsplit((scheme, parts.netloc, own_path, parts.query or urlencode(query or {}), ""))
