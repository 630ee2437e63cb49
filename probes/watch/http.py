"""The HTTP side of `watch`: `/metrics` of the loop, `/probe` that runs a module now, a page, and `/healthz`.

`/probe` takes the names of targets, never an address: the key would go wherever a visitor says. What a visitor can make
it do is bounded: so many runs at once, each within the time that the scrape waits, and nothing for other web sites.
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

#: Runs at once that visitors ask for: each holds a session of the service, which counts and costs.
_MOST_RUNS = 4
#: Connections at once: a handful of scrapers, each with one, and room for curious people.
_MOST_CONNECTIONS = 64
#: How long a run may take that nobody bounds; Prometheus waits 10 s unless told otherwise.
_LONGEST_SECONDS = 120.0
#: So much earlier than the scrape gives up it gets its answer.
_MARGIN_SECONDS = 0.5
_PORT_DIGITS = 5
_WAITS = "x-prometheus-scrape-timeout-seconds"
_LIMITS = HttpLimits(head_bytes=16 * 1024, body_bytes=4 * 1024)


@dataclass(slots=True, kw_only=True)
class WatchServer:
    """Answers visitors."""

    targets: Mapping[str, ServiceTarget]
    modules: Sequence[str]
    make_run: Callable[[ServiceTarget, Sequence[str]], ProbeRun[ServiceTarget]]
    tally: WatchTally
    interval: float
    began: float
    """In unix seconds."""
    strict: bool = False
    local_only: bool = True
    """Listens on this machine alone, so whoever asks by another machine's name was sent by a web page."""
    _running: int = 0
    _connections: int = 0

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        if self.local_only and not is_private_host(_asked_host(request)):
            return text_response(403, "ask for this by the name of the machine itself, such as 127.0.0.1")
        if request.method != "GET":
            return text_response(405, "everything here can only be read", (("allow", "GET"),))
        match request.path:
            case "/metrics":
                return _figures(metrics_text(self.tally, interval=self.interval, began=self.began))
            case "/probe":
                return await self._probe(request)
            case "/healthz":
                return text_response(200, "ok")
            case "/":
                last = run_line(self.tally.last_result) if self.tally.last_result is not None else ""
                text = index_page(self.tally, list(self.targets), self.modules, last)
                return HttpResponse(200, (("content-type", "text/html; charset=utf-8"),), text.encode())
            case _:
                return text_response(404, "there is nothing here; see / for what there is")

    async def _probe(self, request: HttpRequest) -> HttpResponse:
        if request.header("sec-fetch-site") in ("cross-site", "same-site"):
            return text_response(403, "another web site may not start runs here")
        try:
            target, module, seconds = self._asked(request)
        except UsageError as error:
            return text_response(400, str(error))
        if self._running >= _MOST_RUNS:
            return text_response(503, f"{_MOST_RUNS} runs are going already", (("retry-after", "5"),))
        self._running += 1
        try:
            return _figures(await self._run(target, module, seconds))
        finally:
            self._running -= 1

    def _asked(self, request: HttpRequest) -> tuple[ServiceTarget, str, float]:
        """Read what is asked for. Raises UsageError."""
        name, module = request.query.get("target", ""), request.query.get("module", "access")
        if name not in self.targets:
            known = f"; there are: {', '.join(self.targets)}"
            raise UsageError(
                f"target must be one of the names that this watch was started with, never an address{known}"
            )
        if module not in self.modules:
            raise UsageError(f"there is no module {module[:40]!r}{did_you_mean(module[:40], list(self.modules))}")
        return self.targets[name], module, _patience(request.header(_WAITS))

    async def _run(self, target: ServiceTarget, module: str, seconds: float) -> str:
        """Run the module now, and give its figures; when the time is over, those that there are by then."""
        run = self.make_run(target, (module,))
        with trio.move_on_after(seconds) as scope:
            await run.run()
        if scope.cancelled_caught:
            run.add(CheckRow("probe", "scrape").problem(SCRAPE_TIMEOUT, headline(f"stopped after {seconds:g} s")))
        report = run.report()
        return as_prom.render(report, report.exit_code(strict=self.strict))

    async def websocket(self, upgrade: WebSocketUpgrade) -> None:
        """There are none here."""
        await upgrade.reject(text_response(404, "there is no WebSocket here"))

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end; one too many is closed at once."""
        if self._connections >= _MOST_CONNECTIONS:
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
        """Listen until cancelled; `task_status` gets the address. Raises UsageError where it cannot be had."""
        try:
            first, *others = await trio.open_tcp_listeners(listen.port, host=listen.host)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise UsageError(f"--listen: {listen.host}:{listen.port} cannot be had: {why}") from None
        for other in others:  # a name that stands for two addresses would get two ports
            await other.aclose()
        address = first.socket.getsockname()
        task_status.started((address[0], address[1]))
        await trio.serve_listeners(self.serve_stream, [first])


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can come in."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


def parse_listen(text: str) -> ListenAddress:
    """Read `HOST:PORT`, `:PORT` or `PORT`; without a host it is this machine alone. Raises UsageError."""
    host, _, port = text.rpartition(":")
    bare = ":" in host and not host.startswith("[")
    if bare or not (port.isascii() and port.isdecimal() and len(port) <= _PORT_DIGITS and int(port) <= 65535):  # noqa: PLR2004 - the last port
        raise UsageError(f"--listen: {text!r} is not HOST:PORT; write for example --listen 127.0.0.1:9464")
    return ListenAddress(host.strip("[]") or "127.0.0.1", int(port))


def _figures(text: str) -> HttpResponse:
    return HttpResponse(200, (("content-type", CONTENT_TYPE), ("cache-control", "no-store")), text.encode())


def _asked_host(request: HttpRequest) -> str:
    """Give the host that was asked for, without its port."""
    host = request.header("host") or ""
    return host.rpartition("]")[0].strip("[") if host.startswith("[") else host.partition(":")[0]


def _patience(header: str | None) -> float:
    """Say how long a run may take by the time that the scrape waits. Raises UsageError for what is no time."""
    if header is None:
        return _LONGEST_SECONDS
    try:
        seconds = float(header)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds) or seconds <= 0:
        raise UsageError("X-Prometheus-Scrape-Timeout-Seconds must be seconds above 0")
    return min(max(seconds - _MARGIN_SECONDS, seconds / 2), _LONGEST_SECONDS)
