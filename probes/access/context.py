"""One visit to a target: what the checks of `access` share, and what they hand on to the next one.

Whatever is opened on the way is closed with `aclose`, however the visit ends.
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
from probes.runner.network_findings import connection_failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import httpx

    from bridge.config.resolve import DialectChoice
    from bridge.transport.link import Link
    from bridge.upstream.dial.dial import OpenedStream
    from bridge.upstream.dial.handshake import UpgradedConnection
    from bridge.upstream.mint import MintResult
    from bridge.upstream.rest import ModelList, RestFailed
    from probes.runner.findings import CheckRow
    from probes.targets.service import ServiceTarget
    from reports.model import Evidence, Finding

#: Headers that tell who answered, whom to ask, and when to come back.
_TELLING = (
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
#: A connection that waited longer than this for its turn may be dead by then: a new one is opened instead.
_STALE_SECONDS = 2.0
#: So many of these headers are shown; some servers repeat one of them for every hop.
_MOST_HEADERS = 12
#: So much of a body is looked at to name its kind and show its start.
_START_BYTES = 4096
#: Times beyond this (about the year 36,000) are none.
_LATEST = 2**40
#: How long to wait for goodbyes.
_GOODBYE_SECONDS = 1.0


@dataclass(slots=True)
class AccessContext:
    """The state of one visit."""

    target: ServiceTarget
    opened: OpenedStream | None = None
    opened_at: float = 0.0
    client: httpx.AsyncClient | None = None
    models: ModelList | None = None
    realtime_models: tuple[str, ...] = ()
    """Those of the list that hold conversations, the best first."""
    no_list_reason: str = ""
    """Why there is no list of models; empty where there is one."""
    minted: MintResult | None = None
    upgraded: UpgradedConnection | None = None
    session: Mapping[str, Any] = field(default_factory=dict)
    """What `session.created` said."""
    dialect: Dialect = Dialect.GA
    """What the server speaks, as far as it is known."""

    @property
    def next_hop(self) -> tuple[str, int]:
        """Whom we connect to: the proxy, or else the host itself."""
        hop = self.target.proxy or self.target.endpoint
        return hop.host, hop.port

    @property
    def asked_dialect(self) -> DialectChoice:
        """The dialect that was asked for."""
        return self.target.config.dialect.value

    def rest_client(self) -> httpx.AsyncClient:
        """Give the client for REST calls; all of them share one connection."""
        if self.client is None:
            self.client = self.target.open_client()
        return self.client

    def keep_connection(self, opened: OpenedStream) -> None:
        """Keep an open connection for the upgrade."""
        self.opened, self.opened_at = opened, trio.current_time()

    async def take_connection(self) -> OpenedStream | None:
        """Hand over the kept connection, unless it has waited so long that the server may have given it up."""
        opened, self.opened = self.opened, None
        if opened is not None and trio.current_time() - self.opened_at > _STALE_SECONDS:
            await trio.aclose_forcefully(opened.stream)
            return None
        return opened

    def proxy_evidence(self) -> tuple[Evidence, ...]:
        """Name the proxy, where there is one."""
        return (evidence_of("proxy", self.target.proxy_name),) if self.target.proxy else ()

    def header_evidence(self) -> tuple[Evidence, ...]:
        """Name the extra headers that we send, and where they come from: one of them may be the trouble."""
        headers = self.target.config.headers
        shown = self.target.config.redacted_headers()
        return tuple(evidence_of("header", f"{name}: {value} (from {headers.source})") for name, value in shown)

    def excerpt(self, text: str, limit: int) -> str:
        """Make what somebody else said fit to be shown: without secrets, and then not longer than this."""
        return self.target.secrets.excerpt(text, limit)

    def diagnostic_headers(self, headers: Iterable[tuple[str, str]]) -> tuple[Evidence, ...]:
        """Pick the headers of an answer that help to find out who answered and why."""
        picked = [(name.lower(), value) for name, value in headers if name.lower() in _TELLING]
        return tuple(evidence_of(name, self.excerpt(value, 200)) for name, value in picked[:_MOST_HEADERS])

    def response_evidence(
        self, label: str, lead: str, error: Mapping[str, object], body: bytes = b""
    ) -> tuple[Evidence, ...]:
        """Put an answer into a headline (`HTTP 429 rate_limit_exceeded`) and, apart from it, what it says in words."""
        name = str(error.get("code") or error.get("type") or self._kind_of(body))
        told = lead if name in lead.split() else f"{lead} {name}"  # Azure's code for HTTP 401 is "401"
        parts = [evidence_of(label, self.excerpt(told.strip(), 120))]
        parts += [
            evidence_of(key, self.excerpt(str(error[key]), 300)) for key in ("message", "param") if error.get(key)
        ]
        return tuple(parts)

    def _kind_of(self, body: bytes) -> str:
        start = " ".join(body[:_START_BYTES].decode(errors="replace").split())
        if start.lower().startswith(("<!doctype", "<html", "<?xml")):
            return "a web page"
        return repr(self.excerpt(start, 60)) if start else ""

    def connection_failure(self, row: CheckRow, failed: DialFailed | RestFailed, *evidence: Evidence) -> Finding:
        """Make the finding for a connection that failed."""
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
        """Gather what an advice may depend on, with the headers of the answer that it is about."""
        asked, target = self.target.model, self.target
        return gather_clues(
            ((name, self.excerpt(value, 300)) for name, value in headers),
            asked,
            tuple(name for name in self.realtime_models if name != asked),
            host="" if target.scenario or target.host == PUBLIC_HOST else target.host,
            key_source=DEFAULT_KEY_VARIABLE
            if target.scenario
            else target.config.api_key.source.partition(", named by")[0],
            models_listed=self.models is not None,
        )

    async def aclose(self) -> None:
        """Close everything that is open, within a bounded time even when the visit was cancelled."""
        if self.upgraded is not None:
            await close_link(self.upgraded.link)
        with trio.move_on_after(_GOODBYE_SECONDS, shield=True):
            if self.opened is not None:
                await trio.aclose_forcefully(self.opened.stream)
            if self.client is not None:
                await self.client.aclose()


async def close_link(link: Link) -> None:
    """Say goodbye, and hang up on a server that does not answer it; also when cancelled."""
    with trio.move_on_after(_GOODBYE_SECONDS, shield=True) as scope:
        await link.close()
    if scope.cancelled_caught:
        with trio.CancelScope(shield=True):
            await link.abort()


def seconds_until(moment: object) -> int | None:
    """Count from now to a moment in unix seconds; None for what is no such moment, whatever a server put there."""
    if not isinstance(moment, int) or isinstance(moment, bool) or not 0 < moment < _LATEST:
        return None
    return round(moment - time())


def error_object(event: object) -> Mapping[str, Any]:
    """Give the error object inside an `error` event or a REST body; empty where there is none."""
    error = event.get("error") if isinstance(event, dict) else None
    return error if isinstance(error, dict) else {}
