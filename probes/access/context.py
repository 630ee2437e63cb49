"""The state that the checks of `access`, `models` and `events` share while they check one service.

`aclose` closes every connection that a check opened, also after cancellation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import time
from typing import TYPE_CHECKING, Any

import trio

from bridge.config.resolve import DEFAULT_KEY_VARIABLE
from bridge.protocol.dialects.detection import Dialect
from bridge.upstream.dial.errors import DialFailed
from probes.access.advice import PUBLIC_HOST, Clues, gather_clues
from probes.runner.findings import evidence_of
from probes.runner.network_checks import proxy_evidence
from probes.runner.network_findings import connection_failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import httpx

    from bridge.config.resolve import DialectChoice
    from bridge.transport.link import HandshakeRefused, Link
    from bridge.upstream.dial.dial import OpenedStream
    from bridge.upstream.dial.handshake import UpgradedConnection
    from bridge.upstream.mint import MintResult
    from bridge.upstream.rest import ModelList, RestFailed
    from probes.runner.findings import CheckRow
    from probes.targets.service import ServiceTarget
    from reports.model import Evidence, Finding

#: Response headers that say which server responded, how to find the request in its logs, and when to retry.
_DIAGNOSTIC_HEADERS = (
    "x-request-id",
    "apim-request-id",
    "cf-ray",
    "retry-after",
    "retry-after-ms",
    "location",
    "server",
    "via",
    "x-ms-region",
)
#: The server may have dropped a connection that was idle for longer than this; a new one is opened instead.
_STALE_SECONDS = 2.0
#: Limit on diagnostic headers shown: some servers repeat one for every hop.
_MAX_HEADERS = 12
#: How much of a body is read to recognize its type and to show its start.
_MAX_START_BYTES = 4096
#: A larger number (about the year 36,000) is no Unix time in seconds.
_MAX_UNIX_TIME = 2**40
#: Maximum time for the closing handshake.
_CLOSE_SECONDS = 1.0


@dataclass(slots=True)
class AccessContext:
    """The shared state of one run against one service."""

    target: ServiceTarget
    opened: OpenedStream | None = None
    opened_at: float = 0.0
    client: httpx.AsyncClient | None = None
    models: ModelList | None = None
    realtime_models: tuple[str, ...] = ()
    """The realtime models in the server's list, best first."""
    no_list_reason: str = ""
    """Why there is no list of models; empty if there is one."""
    minted: MintResult | None = None
    refused: HandshakeRefused | None = None
    """The last answer to an upgrade other than 101."""
    secret_refused: bool = False
    """Whether the server refused the client secret, and the open session is the API key's."""
    upgraded: UpgradedConnection | None = None
    session: Mapping[str, Any] = field(default_factory=dict)
    """The `session` object of `session.created`."""
    dialect: Dialect = Dialect.GA
    """The dialect of the server, once it is detected."""

    @property
    def next_hop(self) -> tuple[str, int]:
        """Host and port to connect to: the proxy's if there is one, else the service's own."""
        hop = self.target.proxy or self.target.endpoint
        return hop.host, hop.port

    @property
    def asked_dialect(self) -> DialectChoice:
        """The dialect that the settings request."""
        return self.target.config.dialect.value

    def rest_client(self) -> httpx.AsyncClient:
        """Return the client for REST calls, which all share one connection. `aclose` closes it."""
        if self.client is None:
            self.client = self.target.open_client()
        return self.client

    def keep_connection(self, opened: OpenedStream) -> None:
        """Store an open connection for the WebSocket upgrade."""
        self.opened, self.opened_at = opened, trio.current_time()

    async def take_connection(self) -> OpenedStream | None:
        """Return the stored connection, or None if there is none or if it was idle too long to rely on."""
        opened, self.opened = self.opened, None
        if opened is not None and trio.current_time() - self.opened_at > _STALE_SECONDS:
            await trio.aclose_forcefully(opened.stream)
            return None
        return opened

    def proxy_evidence(self) -> tuple[Evidence, ...]:
        """Return the proxy as evidence; empty if there is none."""
        return proxy_evidence(self.target)

    def header_evidence(self) -> tuple[Evidence, ...]:
        """Return the configured extra headers and their source as evidence: one of them may cause the failure."""
        headers = self.target.config.headers
        shown = self.target.config.redacted_headers()
        return tuple(evidence_of("header", f"{name}: {value} (from {headers.source})") for name, value in shown)

    def excerpt(self, text: str, limit: int) -> str:
        """Redact a text from the server, then shorten it to `limit` characters."""
        return self.target.secrets.excerpt(text, limit)

    def diagnostic_headers(self, headers: Iterable[tuple[str, str]]) -> tuple[Evidence, ...]:
        """Return those headers of a response as evidence that help to find out which server responded and why."""
        picked = [(name.lower(), value) for name, value in headers if name.lower() in _DIAGNOSTIC_HEADERS]
        return tuple(evidence_of(name, self.excerpt(value, 200)) for name, value in picked[:_MAX_HEADERS])

    def response_evidence(
        self, prefix: str, error: Mapping[str, object], body: bytes = b"", *, label: str = ""
    ) -> tuple[Evidence, ...]:
        """Describe an error response as evidence.

        The first item is `prefix` with the error's code (`HTTP 429 rate_limit_exceeded`), without a label unless one is
        given; the others are the error's message and parameter. `body` is described where there is no error object.
        """
        name = str(error.get("code") or error.get("type") or self._kind_of(body))
        summary = prefix if name in prefix.split() else f"{prefix} {name}"  # Azure's code for HTTP 401 is "401"
        parts = [evidence_of(label, self.excerpt(summary.strip(), 120))]
        parts += [
            evidence_of(key, self.excerpt(str(error[key]), 300)) for key in ("message", "param") if error.get(key)
        ]
        return tuple(parts)

    def _kind_of(self, body: bytes) -> str:
        start = " ".join(body[:_MAX_START_BYTES].decode(errors="replace").split())
        if start.lower().startswith(("<!doctype", "<html", "<?xml")):
            return "(a web page)"
        return repr(self.excerpt(start, 60)) if start else ""

    def connection_failure(self, row: CheckRow, failed: DialFailed | RestFailed, *evidence: Evidence) -> Finding:
        """Return the finding for a failed connection, with proxy and headers as evidence."""
        return connection_failure(
            row,
            failed.reason,
            failed.detail,
            *self.proxy_evidence(),
            *evidence,
            host=self.target.host,
            proxy_variable=self.target.proxy_variable,
            status=failed.status if isinstance(failed, DialFailed) else None,
        )

    def clues(self, headers: Iterable[tuple[str, str]] = ()) -> Clues:
        """Collect the facts that `advise` depends on; `headers` are those of the response to give advice on."""
        model, target = self.target.model, self.target
        return gather_clues(
            ((name, self.excerpt(value, 300)) for name, value in headers),
            model,
            tuple(name for name in self.realtime_models if name != model),
            host="" if target.scenario or target.host == PUBLIC_HOST else target.host,
            key_source=DEFAULT_KEY_VARIABLE
            if target.scenario
            else target.config.api_key.source.partition(", named by")[0],
            models_listed=self.models is not None,
        )

    async def aclose(self) -> None:
        """Close every open connection, in at most a few seconds, also when the caller is cancelled."""
        if self.upgraded is not None:
            await close_link(self.upgraded.link)
        with trio.move_on_after(_CLOSE_SECONDS, shield=True):
            if self.opened is not None:
                await trio.aclose_forcefully(self.opened.stream)
            if self.client is not None:
                await self.client.aclose()


async def close_link(link: Link) -> None:
    """Close a link with a closing handshake; abort it after 1 s. Runs to its end also when the caller is cancelled."""
    with trio.move_on_after(_CLOSE_SECONDS, shield=True) as scope:
        await link.close()
    if scope.cancelled_caught:
        with trio.CancelScope(shield=True):
            await link.abort()


def seconds_until(moment: object) -> int | None:
    """Return the seconds from now to a Unix time; None if the value, which comes from a server, is no valid time."""
    if not isinstance(moment, int) or isinstance(moment, bool) or not 0 < moment < _MAX_UNIX_TIME:
        return None
    return round(moment - time())


def error_object(event: object) -> Mapping[str, Any]:
    """Return the error object inside an `error` event or a REST body; empty if there is none."""
    error = event.get("error") if isinstance(event, dict) else None
    return error if isinstance(error, dict) else {}
