"""The HTTP server of a watch: metrics, runs on request within limits, and nothing for other web sites."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from bridge.transport.http import HttpRequest, HttpResponse, split_target
from bridge.upstream.dial.tls import unused_tls_context
from probes.problems.tool import KEY_SUSPECT
from probes.runner.findings import CheckRow
from probes.runner.runner import ProbeRun
from probes.runner.usage import UsageError
from probes.watch.http import ListenAddress, WatchServer, parse_listen
from probes.watch.loop import WatchResult, WatchTally

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from trio.testing import MockClock

    from probes.runner.findings import ProbeItem
    from probes.targets.service import ServiceTarget

At = Any


@dataclass
class Looking:
    """Runs that take some time, and the requests for them."""

    seconds: float = 0.0
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    closed: int = 0

    def run(self, target: ServiceTarget, modules: Sequence[str]) -> ProbeRun[ServiceTarget]:
        self.asked.append((target.upstream.base_url, tuple(modules)))
        return ProbeRun(tool="t", probe=self._check, open_subject=lambda: nullcontext(target), secrets=target.secrets)

    async def _check(self, _: ServiceTarget) -> AsyncGenerator[ProbeItem, None]:
        try:
            yield CheckRow("access", "key").passed("fine")
            await trio.sleep(self.seconds)
            yield CheckRow("access", "model").passed("fine")
        finally:
            self.closed += 1


def desk(at: At, looking: Looking, **more: Any) -> WatchServer:
    targets = {"default": at("https://one.example.com/v1"), "staging": at("https://two.example.com/v1")}
    modules = ("access", "models")
    return WatchServer(
        targets=targets, modules=modules, make_run=looking.run, tally=WatchTally(), interval=60, began=0, **more
    )


async def get(at_desk: WatchServer, target: str, method: str = "GET", **headers: str) -> HttpResponse:
    path, query = split_target(target)
    lines = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return await at_desk.http(HttpRequest(method=method, path=path, query=query, target=target, headers=lines))


def figures(response: HttpResponse) -> dict[str, float]:
    families = text_string_to_metric_families(response.body.decode())
    return {sample.name: sample.value for family in families for sample in family.samples}


async def test_a_probe_runs_the_module_now_at_the_named_target(at: At) -> None:
    looking = Looking()
    response = await get(desk(at, looking), "/probe?target=staging&module=models")
    assert response.status == 200
    assert looking.asked == [("https://two.example.com/v1", ("models",))]
    assert figures(response)["sherpa_probe_success"] == 1


async def test_without_a_module_it_is_access(at: At) -> None:
    looking = Looking()
    await get(desk(at, looking), "/probe?target=default")
    assert looking.asked == [("https://one.example.com/v1", ("access",))]


@pytest.mark.parametrize(
    "asked",
    [
        "/probe",
        "/probe?target=",
        "/probe?target=https://evil.example.com/v1",
        "/probe?target=two.example.com",
        "/probe?target=STAGING",
        "/probe?target=default&module=acces",
        "/probe?target=default&module=" + "x" * 5000,
    ],
)
async def test_what_was_not_configured_is_refused_and_nothing_is_sent(at: At, asked: str) -> None:
    looking = Looking()
    response = await get(desk(at, looking), asked)
    assert response.status == 400
    assert len(response.body) < 400
    assert looking.asked == []


async def test_a_run_ends_before_the_scrape_gives_up_and_returns_what_it_has(at: At, autojump_clock: MockClock) -> None:
    looking = Looking(seconds=60)
    response = await get(desk(at, looking), "/probe?target=default", x_prometheus_scrape_timeout_seconds="10")
    assert autojump_clock.current_time() == 9.5
    assert looking.closed == 1
    text = response.body.decode()
    assert figures(response)["sherpa_probe_success"] == 0
    assert 'check="key"' in text
    assert "PROBE-SCRAPE-TIMEOUT" in text


@pytest.mark.parametrize(("header", "seconds"), [(None, 120), ("0.4", 0.2), ("1000", 120), ("3", 2.5)])
async def test_how_long_a_run_may_take_is_bounded(
    at: At, autojump_clock: MockClock, header: str | None, seconds: float
) -> None:
    headers = {} if header is None else {"x_prometheus_scrape_timeout_seconds": header}
    await get(desk(at, Looking(seconds=500)), "/probe?target=default", **headers)
    assert autojump_clock.current_time() == pytest.approx(seconds)


@pytest.mark.parametrize("header", ["soon", "-1", "0", "nan", "inf", ""])
async def test_an_invalid_timeout_is_refused(at: At, header: str) -> None:
    looking = Looking()
    response = await get(desk(at, looking), "/probe?target=default", x_prometheus_scrape_timeout_seconds=header)
    assert (response.status, looking.asked) == (400, [])


async def test_so_many_runs_go_at_once_and_no_more(at: At, autojump_clock: MockClock) -> None:
    looking = Looking(seconds=5)
    at_desk = desk(at, looking)
    statuses: list[tuple[float, int]] = []

    async def ask() -> None:
        response = await get(at_desk, "/probe?target=default")
        statuses.append((autojump_clock.current_time(), response.status))

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(ask)
    assert sorted(statuses) == [(0, 503)] * 2 + [(5, 200)] * 4
    assert (await get(at_desk, "/probe?target=default")).status == 200


async def test_a_run_that_is_cut_frees_its_place(at: At, autojump_clock: MockClock) -> None:
    at_desk = desk(at, Looking(seconds=5))
    for _ in range(8):
        with trio.move_on_after(1):
            await get(at_desk, "/probe?target=default")
    assert (await get(at_desk, "/probe?target=default")).status == 200
    assert autojump_clock.current_time() == 13


async def test_the_loop_s_metrics_are_served_without_starting_a_run(at: At) -> None:
    looking = Looking()
    at_desk = desk(at, looking)
    run = looking.run(at_desk.targets["default"], ("access",))
    await run.run()
    at_desk.tally.add(WatchResult(number=1, report=run.report(), exit_code=0))
    response = await get(at_desk, "/metrics")
    assert figures(response)["sherpa_probe_success"] == 1
    assert dict(response.headers)["content-type"].startswith("text/plain; version=0.0.4")
    assert len(looking.asked) == 1
    assert b"sk-" not in response.body


async def test_strict_makes_warnings_fail_here_too(at: At) -> None:
    async def warning(_: ServiceTarget) -> AsyncGenerator[ProbeItem, None]:
        yield CheckRow("config", "key").problem(KEY_SUSPECT)

    def run(target: ServiceTarget, _: Sequence[str]) -> ProbeRun[ServiceTarget]:
        return ProbeRun(tool="t", probe=warning, open_subject=lambda: nullcontext(target))

    for strict in (True, False):
        at_desk = desk(at, Looking(), strict=strict)
        at_desk.make_run = run
        assert figures(await get(at_desk, "/probe?target=default"))["sherpa_probe_success"] == (not strict)


@pytest.mark.parametrize(
    ("target", "method", "status"),
    [
        ("/", "GET", 200),
        ("/healthz", "GET", 200),
        ("/metrics", "POST", 405),
        ("/probe?target=default", "POST", 405),
        ("/nowhere", "GET", 404),
    ],
)
async def test_every_address_answers(at: At, target: str, method: str, status: int) -> None:
    assert (await get(desk(at, Looking()), target, method)).status == status


async def test_the_page_names_what_can_be_asked_for(at: At) -> None:
    text = (await get(desk(at, Looking()), "/")).body.decode()
    assert 'href="/probe?target=staging&amp;module=models"' in text


async def test_web_pages_of_others_can_start_no_runs(at: At) -> None:
    looking = Looking()
    at_desk = desk(at, looking)
    assert (await get(at_desk, "/probe?target=default", sec_fetch_site="cross-site")).status == 403
    assert (await get(at_desk, "/probe?target=default", host="evil.example.com:9115")).status == 403
    assert looking.asked == []
    for host in ("127.0.0.1:9115", "localhost:9115", "[::1]:9115", "prometheus"):
        assert (await get(at_desk, "/probe?target=default", host=host)).status == 200
    open_desk = desk(at, looking, local_only=False)
    assert (await get(open_desk, "/metrics", host="watch.example.com")).status == 200


async def test_it_listens_and_a_websocket_is_refused(at: At, nursery: trio.Nursery) -> None:
    host, port = await nursery.start(desk(at, Looking()).serve, ListenAddress("127.0.0.1", 0))
    with trio.fail_after(5):
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}", verify=unused_tls_context()) as client:
            assert (await client.get("/healthz")).text == "ok\n"
            assert (await client.get("/probe", params={"target": "default"})).status_code == 200
            socket = {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-version": "13"}
            refused = await client.get("/", headers={**socket, "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="})
            assert refused.status_code == 404


async def test_connections_beyond_the_bound_are_closed_at_once(at: At, nursery: trio.Nursery) -> None:
    at_desk = desk(at, Looking())
    host, port = await nursery.start(at_desk.serve, ListenAddress("127.0.0.1", 0))
    with trio.fail_after(5):
        kept = [await trio.open_tcp_stream(host, port) for _ in range(64)]
        while at_desk._connections < 64:
            await trio.lowlevel.checkpoint()
        one_more = await trio.open_tcp_stream(host, port)
        with pytest.raises((trio.BrokenResourceError, StopAsyncIteration)):
            await anext(one_more)
        for stream in (*kept, one_more):
            await stream.aclose()


async def test_an_address_that_cannot_be_had_is_wrong_usage(at: At, nursery: trio.Nursery) -> None:
    _, port = await nursery.start(desk(at, Looking()).serve, ListenAddress("127.0.0.1", 0))
    with pytest.raises(UsageError, match=r"can't listen on .*: address already in use"):
        await desk(at, Looking()).serve(ListenAddress("127.0.0.1", port))


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("9115", "127.0.0.1", 9115, True),
        (":9115", "127.0.0.1", 9115, True),
        ("localhost:0", "localhost", 0, True),
        ("[::1]:9115", "::1", 9115, True),
        ("0.0.0.0:9115", "0.0.0.0", 9115, False),
        ("watch.example.com:80", "watch.example.com", 80, False),
    ],
)
def test_where_to_listen_is_read(text: str, host: str, port: int, loopback: bool) -> None:
    listen = parse_listen(text)
    assert (listen.host, listen.port, listen.is_loopback) == (host, port, loopback)


@pytest.mark.parametrize(
    "text", ["", "here", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000", "::1", "1:-1", ":" + "9" * 5000]
)
def test_where_one_cannot_listen_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not HOST:PORT"):
        parse_listen(text)
