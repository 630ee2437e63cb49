"""Shared by the probe tests: a target for any URL, small servers on loopback, and a run of `access`."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio

from bridge.config.resolve import Flags, read_config
from bridge.transport.http import HttpRequest, HttpResponse, json_response
from bridge.transport.http_server import WebSocketUpgrade, serve_tcp
from probes.access.probe import access
from probes.explain import explain
from probes.runner.redaction import Secrets
from probes.runner.runner import ProbeRun
from probes.targets.service import ServiceTarget, make_service_target
from reports.model import Finding, Report, Severity
from tests.autojump import run_with_autojump

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Iterator, Mapping

KEY = "sk-proj-0123456789abcdefghijKLMN"
NOWHERE = Path("/nonexistent")


def target_at(
    base_url: str,
    *,
    key: str = KEY,
    ssl_context: ssl.SSLContext | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 2.0,
    **flags: Any,
) -> ServiceTarget:
    config = read_config(Flags(base_url=base_url, timeout=timeout, **flags), {"OPENAI_API_KEY": key}, NOWHERE)
    return make_service_target(config, environment or {}, secrets=Secrets(config.secrets()), ssl_context=ssl_context)


@dataclass
class AccessResult:
    """The report of a run of `access`."""

    report: Report

    def bad(self) -> list[tuple[str, str]]:
        return [
            (f.check, f.code)
            for f in self.report.findings
            if f.severity in (Severity.FAIL, Severity.ERROR, Severity.WARNING)
        ]

    def only(self) -> Finding:
        (finding,) = [f for f in self.report.findings if f.severity in (Severity.FAIL, Severity.ERROR)]
        return finding

    def check(self, name: str) -> Finding:
        return next(f for f in self.report.findings if f.check == name)


#: How lines of a fix start if they are commands.
COMMANDS = ("sherpa-probe ", "sherpa-sim ")


def assert_complete(finding: Finding) -> None:
    """Assert that `explain` knows the finding and that a problem has title, cause and fix in the common style."""
    (meaning, *_) = explain(finding.code)
    assert meaning.title
    if finding.severity in (Severity.FAIL, Severity.ERROR, Severity.WARNING):
        assert finding.link == f"sherpa-probe explain {finding.code}"
        assert finding.title
        assert finding.cause
        assert finding.fix
        for line in finding.fix.splitlines():
            assert line.startswith(COMMANDS) or line[0].isupper(), line


@pytest.fixture
def assert_is_complete() -> Callable[[Finding], None]:
    return assert_complete


async def run_access(target: ServiceTarget, *, every_form: bool = False) -> AccessResult:
    run = ProbeRun(
        tool="t",
        probe=partial(access, all_auth_forms=every_form),
        open_subject=lambda: nullcontext(target),
        secrets=target.secrets,
    )
    with trio.fail_after(20):
        await run.run()
    for finding in run.findings:
        assert_complete(finding)
    return AccessResult(run.report())


@dataclass
class FakeService:
    """A service with given responses, on the real HTTP server. It sends `frames` right after the 101."""

    frames: tuple[Any, ...] = ()
    answer: Callable[[HttpRequest], HttpResponse] | None = None
    on_update: Callable[[dict[str, Any]], list[Any]] | None = None
    requests: list[HttpRequest] = field(default_factory=list)

    async def http(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        if self.answer is not None:
            return self.answer(request)
        if request.method == "GET":
            return json_response(200, {"data": [{"id": "gpt-realtime-2.1"}]})
        return json_response(200, {"value": "ek_0123456789abcdefghijkl", "expires_at": 0, "session": {"id": "sess_1"}})

    async def socket(self, upgrade: WebSocketUpgrade) -> None:
        self.requests.append(upgrade.request)
        if self.answer is not None and not self.frames:
            await upgrade.reject(self.answer(upgrade.request))
            return
        link = await upgrade.accept()
        for frame in self.frames:
            if isinstance(frame, bytes):
                await link.send_binary(frame)
            else:
                await link.send_text(frame if isinstance(frame, str) else msgspec.json.encode(frame))
        while True:
            event = msgspec.json.decode(await link.receive())
            for frame in self.on_update(event) if self.on_update else []:
                await link.send_text(msgspec.json.encode(frame))

    async def serve(self, nursery: trio.Nursery, ssl_context: ssl.SSLContext | None = None) -> str:
        """Listen and return the base URL."""
        start = partial(serve_tcp, http=self.http, websocket=self.socket, ssl_context=ssl_context)
        _, port = await nursery.start(start)
        return f"{'https' if ssl_context else 'http'}://localhost:{port}/v1"


@pytest.fixture(autouse=True, scope="module")
def jumping_clock() -> Iterator[None]:
    """Let the clock jump in tests that are not async too, where the command that they call runs trio."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trio, "run", run_with_autojump)
        yield


@pytest.fixture
def fake_service() -> type[FakeService]:
    return FakeService


@pytest.fixture
def at() -> Callable[..., ServiceTarget]:
    return target_at


@pytest.fixture
def check_access() -> Callable[..., Awaitable[AccessResult]]:
    return run_access


@pytest.fixture
async def listen(nursery: trio.Nursery) -> Callable[..., Awaitable[int]]:
    """Serve raw bytes: `await listen(handler)` returns the port."""

    async def start(handler: Callable[[trio.SocketStream], Awaitable[None]]) -> int:
        listeners = await nursery.start(partial(trio.serve_tcp, handler, 0, host="127.0.0.1"))
        return int(listeners[0].socket.getsockname()[1])

    return start
