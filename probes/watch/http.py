"""The HTTP server of `watch`: `/metrics`, `/probe` (runs a module now), `/healthz`, and an index page.

`/probe` accepts names of targets, never URLs: otherwise any client could have the key sent to its own server.
Requests are limited: a maximum number of runs at a time, each within the scrape's timeout, and none for other web
sites.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from bridge.config.toml_file import did_you_mean
from bridge.telemetry.metrics import CONTENT_TYPE
from bridge.transport.http import HttpResponse, text_response
from bridge.transport.http_server import HttpLimits, WebSocketUpgrade, serve_connection
from bridge.transport.sockets import reset_stream
from bridge.upstream.dial.url import is_private_host
from probes.problems.tool import SCRAPE_TIMEOUT
from probes.runner.findings import CheckRow, headline
from probes.runner.usage import UsageError
from probes.watch.lines import run_line
from probes.watch.metrics_page import index_page, metrics_text
from reports.render import prometheus as as_prom

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bridge.transport.http import HttpRequest
    from probes.runner.runner import ProbeRun
    from probes.targets.service import ServiceTarget
    from probes.watch.loop import WatchTally

#: Limit on simultaneous runs by request: each opens a session, which costs money and counts against rate limits.
_MAX_RUNS = 4
#: Limit on simultaneous connections: enough for a few scrapers and browsers.
_MAX_CONNECTIONS = 64
#: Time limit for a run without a scrape timeout; the default timeout of Prometheus is 10 s.
_MAX_RUN_SECONDS = 120.0
#: How long before the scrape's timeout the response is sent.
_MARGIN_SECONDS = 0.5
_PORT_DIGITS = 5
_SCRAPE_TIMEOUT_HEADER = "x-prometheus-scrape-timeout-seconds"
_LIMITS = HttpLimits(head_bytes=16 * 1024, body_bytes=4 * 1024)


@dataclass(slots=True, kw_only=True)
class WatchServer:
    """Serves the results of a watch, and runs modules on request."""

    targets: Mapping[str, ServiceTarget]
    modules: Sequence[str]
    make_run: Callable[[ServiceTarget, Sequence[str]], ProbeRun[ServiceTarget]]
    tally: WatchTally
    interval: float
    began: float
    """Start of the watch, as Unix time in seconds."""
    strict: bool = False
    local_only: bool = True
    """The server listens on loopback only, so a request for another host name comes from a web page (DNS rebinding)."""
    _running: int = 0
    _connections: int = 0

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Respond to one GET; `/probe` runs its module first and keeps to the scrape's timeout."""
        if self.local_only and not is_private_host(_requested_host(request)):
            return text_response(403, "use a local host name in the URL, such as 127.0.0.1")
        if request.method != "GET":
            return text_response(405, "only GET is allowed", (("allow", "GET"),))
        match request.path:
            case "/metrics":
                return _metrics_response(metrics_text(self.tally, interval=self.interval, began=self.began))
            case "/probe":
                return await self._probe(request)
            case "/healthz":
                return text_response(200, "ok")
            case "/":
                last = run_line(self.tally.last_result) if self.tally.last_result is not None else ""
                text = index_page(self.tally, list(self.targets), self.modules, last)
                return HttpResponse(200, (("content-type", "text/html; charset=utf-8"),), text.encode())
            case _:
                return text_response(404, "not found; see / for a list of pages")

    async def _probe(self, request: HttpRequest) -> HttpResponse:
        if request.header("sec-fetch-site") in ("cross-site", "same-site"):
            return text_response(403, "requests from other web sites can't start runs")
        try:
            target, module, seconds = self._parse_query(request)
        except UsageError as error:
            return text_response(400, str(error))
        if self._running >= _MAX_RUNS:
            return text_response(503, f"{_MAX_RUNS} runs are already in progress", (("retry-after", "5"),))
        self._running += 1
        try:
            return _metrics_response(await self._run(target, module, seconds))
        finally:
            self._running -= 1

    def _parse_query(self, request: HttpRequest) -> tuple[ServiceTarget, str, float]:
        """Return the requested target, module and time limit. Raises UsageError."""
        name, module = request.query.get("target", ""), request.query.get("module", "access")
        if name not in self.targets:
            known = f"; choose from {', '.join(self.targets)}"
            raise UsageError(f"target must be the name of a target of this watch, not a URL{known}")
        if module not in self.modules:
            raise UsageError(f"unknown module {module[:40]!r}{did_you_mean(module[:40], list(self.modules))}")
        return self.targets[name], module, _time_limit(request.header(_SCRAPE_TIMEOUT_HEADER))

    async def _run(self, target: ServiceTarget, module: str, seconds: float) -> str:
        """Run a module now and return its metrics; at the time limit, those that it has by then."""
        run = self.make_run(target, (module,))
        with trio.move_on_after(seconds) as scope:
            await run.run()
        if scope.cancelled_caught:
            run.add(CheckRow("probe", "scrape").problem(SCRAPE_TIMEOUT, headline(f"stopped after {seconds:g} s")))
        report = run.report()
        return as_prom.render(report, report.exit_code(strict=self.strict))

    async def websocket(self, upgrade: WebSocketUpgrade) -> None:
        """Refuse the upgrade: this server has no WebSocket endpoint."""
        await upgrade.reject(text_response(404, "no WebSocket endpoint"))

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end; above the limit, close it immediately."""
        if self._connections >= _MAX_CONNECTIONS:
            await reset_stream(stream)
            return
        self._connections += 1
        try:
            await serve_connection(stream, http=self.http, websocket=self.websocket, limits=_LIMITS)
        finally:
            self._connections -= 1

    async def serve(
        self, listen: ListenAddress, *, task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Listen until cancelled; `task_status` gets the address. Raises UsageError if the address can't be used."""
        try:
            first, *others = await trio.open_tcp_listeners(listen.port, host=listen.host)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise UsageError(f"--listen: can't listen on {listen.host}:{listen.port}: {why}") from None
        for other in others:  # a name with two addresses would get two ports
            await other.aclose()
        address = first.socket.getsockname()
        task_status.started((address[0], address[1]))
        await trio.serve_listeners(self.serve_stream, [first])


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """The address to listen on."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


def parse_listen(text: str) -> ListenAddress:
    """Parse `HOST:PORT`, `:PORT` or `PORT`; the default host is 127.0.0.1. Raises UsageError."""
    host, _, port = text.rpartition(":")
    bare = ":" in host and not host.startswith("[")
    if bare or not (port.isascii() and port.isdecimal() and len(port) <= _PORT_DIGITS and int(port) <= 65535):  # noqa: PLR2004 - the last port
        raise UsageError(f"--listen: {text!r} is not HOST:PORT. Example: --listen 127.0.0.1:9464")
    return ListenAddress(host.strip("[]") or "127.0.0.1", int(port))


def _metrics_response(text: str) -> HttpResponse:
    return HttpResponse(200, (("content-type", CONTENT_TYPE), ("cache-control", "no-store")), text.encode())


def _requested_host(request: HttpRequest) -> str:
    """Return the host that the request names, without its port."""
    host = request.header("host") or ""
    return host.rpartition("]")[0].strip("[") if host.startswith("[") else host.partition(":")[0]


def _time_limit(header: str | None) -> float:
    """Return the time limit of a run for a scrape timeout. Raises UsageError for an invalid number."""
    if header is None:
        return _MAX_RUN_SECONDS
    try:
        seconds = float(header)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds) or seconds <= 0:
        raise UsageError("X-Prometheus-Scrape-Timeout-Seconds must be above 0")
    return min(max(seconds - _MARGIN_SECONDS, seconds / 2), _MAX_RUN_SECONDS)
