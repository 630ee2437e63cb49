"""The probe `replay`: plays a recording against a service, a bridge or a client, and compares what comes back."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from bridge.client_protocol.endpoints import CLIENT_PATH
from bridge.protocol.dialects.detection import SessionKind
from bridge.protocol.recordings.capture import VIA_CLIENT
from bridge.transport.http import text_response
from bridge.transport.http_server import serve_tcp
from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.dial import dial
from bridge.upstream.dial.errors import DialFailed
from probes.problems import replay as problems
from probes.record.frames import FrameRecorder
from probes.replay.session import Replay, wrong_side
from probes.replay.verdict import CONNECT, judge
from probes.runner.findings import headline
from probes.runner.usage import UsageError
from probes.targets.bridge import EndpointKind
from reports.model import Evidence

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

    from bridge.protocol.recordings.capture import Capture
    from bridge.transport.http import HttpRequest, HttpResponse
    from bridge.transport.http_server import WebSocketUpgrade
    from bridge.transport.websocket import WebSocketLink
    from bridge.upstream.dial.dial import UpgradedConnection
    from probes.runner.findings import ProbeItem
    from probes.runner.redaction import Secrets
    from probes.targets.bridge import BridgeTarget
    from probes.targets.service import ServiceTarget
    from probes.watch.http import ListenAddress

#: How long a client has to connect: somebody may start it by hand.
CLIENT_SECONDS: Final = 120.0
_SPEEDS: Final = {"original": 1.0, "full": math.inf}


def parse_speed(text: str) -> float:
    """Return the factor for `original`, `full` or a number. Raises UsageError."""
    try:
        speed = _SPEEDS.get(text) or float(text)
    except ValueError:
        speed = math.nan
    if math.isnan(speed) or speed <= 0:
        raise UsageError(f"--speed: {text!r} is neither original, full nor a number above 0")
    return speed


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """What to play, and how fast."""

    capture: Capture
    speed: float = 1.0

    def check(self, *, from_client: bool, endpoint: EndpointKind | None = None) -> None:
        """Raise UsageError if the recording has no such side, or is of another endpoint."""
        if wrong_side(self.capture.entries, from_client=from_client):
            raise UsageError(f"the recording holds nothing that a {'client' if from_client else 'server'} sent")
        of_bridge = self.capture.header.via == VIA_CLIENT
        if of_bridge and not self.capture.is_recording and any(one.type == "audio" for one in self.capture.entries):
            raise UsageError(
                "a capture through a bridge does not hold the length of its speech; make a recording: "
                "sherpa-probe record"
            )
        if from_client and of_bridge != (endpoint is EndpointKind.CLIENT):
            made, wanted = ("a bridge's client endpoint", "--bridge URL") if of_bridge else ("the service", "a service")
            raise UsageError(f"it was recorded at {made}, so it can only be replayed to {wanted} or to a client")


async def replay_to_service(target: ServiceTarget, plan: ReplayPlan) -> AsyncGenerator[ProbeItem, None]:
    """Play the client's side to a service. Raises UsageError if the recording does not fit."""
    plan.check(from_client=True)
    kind = SessionKind(plan.capture.header.kind)
    url = target.upstream.socket_url(target.model, kind)

    async def connect() -> UpgradedConnection:
        headers = target.upstream.socket_headers()
        return await dial(url, headers=headers, proxy=target.proxy, ssl_context=target.ssl_context)

    async for item in _as_client(plan, connect, target.timeout, target.secrets):
        yield item


async def replay_to_bridge(target: BridgeTarget, plan: ReplayPlan) -> AsyncGenerator[ProbeItem, None]:
    """Play the client's side to a bridge. Raises UsageError if the recording is of another endpoint."""
    plan.check(from_client=True, endpoint=target.endpoint_kind)
    async for item in _as_client(plan, target.dial, target.timeout, target.secrets):
        yield item


async def _as_client(
    plan: ReplayPlan, connect: Callable[[], Awaitable[UpgradedConnection]], timeout: float, secrets: Secrets
) -> AsyncGenerator[ProbeItem, None]:
    began = trio.current_time()
    try:
        with trio.fail_after(timeout):
            upgraded = await connect()
    except HandshakeRefused as refused:
        yield CONNECT.problem(problems.NOT_CONNECTED, headline(f"HTTP {refused.status} instead of a WebSocket"))
        return
    except (DialFailed, trio.TooSlowError) as failed:
        why = failed.detail if isinstance(failed, DialFailed) else f"no answer within {timeout:g} s"
        yield CONNECT.problem(problems.NOT_CONNECTED, headline(why))
        return
    yield CONNECT.passed(f"open after {(trio.current_time() - began) * 1000:.0f} ms")
    replay = _replay(plan, upgraded.link, timeout, secrets, from_client=True)
    await replay.run()
    for item in judge(replay):
        yield item


def _replay(plan: ReplayPlan, link: WebSocketLink, timeout: float, secrets: Secrets, *, from_client: bool) -> Replay:
    frames = FrameRecorder(secrets=secrets, via=plan.capture.header.via)
    return Replay(
        capture=plan.capture, link=link, frames=frames, from_client=from_client, speed=plan.speed, timeout=timeout
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTarget:
    """A client that is expected at an address."""

    listen: ListenAddress
    timeout: float
    secrets: Secrets
    on_progress: Callable[[str], None] = lambda _: None
    warnings: tuple[str, ...] = ()
    client_seconds: float = CLIENT_SECONDS

    def describe(self) -> tuple[Evidence, ...]:
        """Name the address for the head of a report."""
        return (Evidence("listen", f"{self.listen.host}:{self.listen.port}"),)


async def replay_to_client(target: ClientTarget, plan: ReplayPlan) -> AsyncGenerator[ProbeItem, None]:
    """Play the server's side to the first client that connects. Raises UsageError if the recording does not fit."""
    plan.check(from_client=False)
    server = _Server(plan, target)
    async with _listening(server, target) as why:
        if why:
            yield CONNECT.problem(problems.NO_CLIENT, headline(why))
            return
        with trio.move_on_after(target.client_seconds):
            await server.connected.wait()
        if not server.connected.is_set():
            yield CONNECT.problem(problems.NO_CLIENT, headline(f"no client within {target.client_seconds:g} s"))
            return
        await server.finished.wait()
    yield CONNECT.passed(f"a client at {server.path}")
    if server.replay is not None:
        for item in judge(server.replay):
            yield item


@asynccontextmanager
async def _listening(server: _Server, target: ClientTarget) -> AsyncIterator[str]:
    """Listen while the block runs; gives why that is not possible, empty if it is."""
    async with trio.open_nursery() as nursery:
        try:
            host, port = await nursery.start(server.serve, target.listen)
            target.on_progress(f"waiting for a client at {host}:{port}")
            why = ""
        except OSError as error:
            why = f"can't listen there: {error.strerror or error}"
        yield why
        nursery.cancel_scope.cancel()


class _Server:
    """Serves one client; further ones are refused."""

    def __init__(self, plan: ReplayPlan, target: ClientTarget) -> None:
        self._plan, self._target = plan, target
        self.connected, self.finished = trio.Event(), trio.Event()
        self.replay: Replay | None = None
        self.path = ""

    async def serve(
        self, listen: ListenAddress, *, task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED
    ) -> None:
        await serve_tcp(
            http=self._http, websocket=self._websocket, host=listen.host, port=listen.port, task_status=task_status
        )

    async def _http(self, request: HttpRequest) -> HttpResponse:
        ready = request.path in ("/healthz", "/readyz")
        return text_response(200, "ok") if ready else text_response(404, "a recording is replayed at a WebSocket here")

    async def _websocket(self, upgrade: WebSocketUpgrade) -> None:
        of_bridge = self._plan.capture.header.via == VIA_CLIENT
        if self.connected.is_set() or upgrade.request.path.endswith(CLIENT_PATH) != of_bridge:
            busy = self.connected.is_set()
            await upgrade.reject(text_response(503 if busy else 404, "busy" if busy else "recorded at another path"))
            return
        self.path = upgrade.request.path
        self.connected.set()
        try:
            chosen = "realtime" if "realtime" in upgrade.subprotocols else None
            link = await upgrade.accept(chosen)
            self.replay = _replay(self._plan, link, self._target.timeout, self._target.secrets, from_client=False)
            await self.replay.run()
        finally:
            self.finished.set()
