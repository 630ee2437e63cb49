"""Shared by the tests of `record` and `replay`: a session of the simulator, recorded through the proxy on loopback."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from bridge.simulator.embedded import open_simulator
from bridge.simulator.settings import Settings
from bridge.transport.http_server import serve_tcp
from probes.conversation.run import run_script
from probes.events.probe import service_script_run
from probes.record.files import RecordingFiles
from probes.record.proxy import RecordingProxy
from probes.recording.capture import read_capture
from probes.runner.redaction import Secrets
from tests.probes.conversation.session_builder import ReportItems, collect, target_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bridge.upstream.dial.dial import UpgradedConnection
    from probes.recording.capture import Capture
    from probes.targets.service import ServiceTarget


@asynccontextmanager
async def recording(to: str, path: Path, **options: Any) -> AsyncIterator[tuple[RecordingProxy, str]]:
    """Serve a recording proxy before a server; give it and the base URL for clients."""
    files = RecordingFiles(path)
    proxy = RecordingProxy(target=to, files=files, secrets=Secrets(), **options)
    async with trio.open_nursery() as nursery:
        serve = partial(serve_tcp, http=proxy.http, websocket=proxy.websocket)
        _, port = await nursery.start(serve)
        yield proxy, f"http://127.0.0.1:{port}/v1"
        nursery.cancel_scope.cancel()
    files.discard()


async def play(base_url: str, script: str, scenario: str = "good", *, speed: float = 20.0) -> ReportItems:
    """Play a script of `events` against a server on loopback."""
    target = target_for(scenario, base_url=base_url)
    return await collect(run_script(service_script_run(target, partial(connect, target), script, speed=speed)))


async def connect(target: ServiceTarget, kind: Any) -> UpgradedConnection:
    from bridge.upstream.dial.dial import dial  # noqa: PLC0415 - one use

    return await dial(target.upstream.socket_url(target.model, kind), headers=target.upstream.socket_headers())


async def until_written(path: Path) -> None:
    """Wait until a recording has its name, which it gets when both closes are through."""
    with trio.fail_after(5):
        while not await trio.Path(path).exists():  # noqa: ASYNC110 - nothing tells of it
            await trio.sleep(0.01)


async def record_script(path: Path, script: str, scenario: str = "good", **options: Any) -> Capture:
    """Record a script that is played against the simulator."""
    async with (
        open_simulator(Settings(pace=20.0)) as simulator,
        recording(simulator.base_url, path, **options) as (_, base_url),
    ):
        await play(base_url, script, scenario)
        await until_written(path)
    return read_capture(path)
