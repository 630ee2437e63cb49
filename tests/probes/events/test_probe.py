"""The probe on real sockets: against the embedded simulator, and servers that aren't a Realtime API."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from bridge.config.resolve import Flags, read_config
from bridge.simulator.embedded import open_simulator
from bridge.simulator.settings import Settings
from bridge.upstream.dial.dial import dial
from probes.conversation.run import run_script
from probes.events.offline import events_offline
from probes.events.probe import events, service_script_run
from probes.runner.redaction import Secrets
from probes.runner.registry import PROBES
from probes.targets.simulator import open_simulated_target
from reports.model import Severity
from tests.probes.conversation.session_builder import NOWHERE, collect, target_for
from tests.probes.proxies import IdleCutProxy, StrippingProxy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from bridge.protocol.dialects.detection import SessionKind
    from bridge.upstream.dial.dial import UpgradedConnection
    from tests.probes.conversation.session_builder import ReportItems


async def run_events(scenario: str, *, azure: bool = False, timeout: float = 5.0, script: str = "text") -> ReportItems:
    config = read_config(Flags(timeout=timeout, azure=azure or None), {"OPENAI_API_KEY": "sk-x"}, NOWHERE)
    with trio.fail_after(4 * timeout):
        async with open_simulated_target(scenario, config, secrets=Secrets()) as target:
            return await collect(events(target, script=script))


def left_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_it_is_one_of_the_probes() -> None:
    assert PROBES["events"].function is events


@pytest.mark.wall_clock
@pytest.mark.parametrize("azure", [False, True])
async def test_a_healthy_service_gives_not_one_warning(azure: bool) -> None:
    result = await run_events("good", azure=azure, timeout=60)
    assert result.bad_outcomes() == []
    assert {f.severity for f in result.findings} == {Severity.PASS}
    assert result.metrics["events_connect_seconds"] > 0
    assert result.timelines[0].name == "events: text"


@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        ("no-quota", "NO-QUOTA"),
        ("dropped", "DROPPED"),
        ("failed-response", "SERVER-ERROR"),
        ("early-eof", "CLOSED-EARLY"),
    ],
)
async def test_what_goes_wrong_is_named_once(scenario: str, code: str) -> None:
    result = await run_events(scenario)
    assert [found for _, found, _ in result.bad_outcomes()] == [f"EVENTS-{code}"]


async def test_a_proxy_that_strips_the_upgrade_is_named(nursery: trio.Nursery) -> None:
    async with open_simulator() as simulator:
        proxy = StrippingProxy(simulator.port)
        (listener, *_) = await nursery.start(partial(trio.serve_tcp, proxy.serve, 0, host="127.0.0.1"))
        target = target_for(base_url=f"http://127.0.0.1:{listener.socket.getsockname()[1]}/v1")
        result = await collect(events(target, script="text"))
    assert result.bad_outcomes() == [("connect", "EVENTS-UPGRADE-STRIPPED", "fail")]


async def test_a_proxy_that_cuts_quiet_connections_is_named_and_kept_in_the_capture(
    nursery: trio.Nursery, tmp_path: Path
) -> None:
    async with open_simulator() as simulator:
        proxy = IdleCutProxy(simulator.port, 1.0)
        (listener, *_) = await nursery.start(partial(trio.serve_tcp, proxy.serve, 0, host="127.0.0.1"))
        base = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/v1"
        target = target_for("stalls", base_url=base)
        result = await collect(events(target, script="manual", capture=tmp_path / "capture"))
    assert result.bad_outcomes() == [("end", "EVENTS-IDLE-CUT", "fail")]
    offline = await collect(events_offline(tmp_path / "capture"))
    assert offline.bad_outcomes() == result.bad_outcomes()


async def test_azure_says_no_before_the_upgrade() -> None:
    result = await run_events("invalid-key", azure=True)
    assert result.bad_outcomes() == [("connect", "EVENTS-AZURE-KEY-REFUSED", "fail")]


async def test_a_spoken_turn_over_a_real_socket() -> None:
    async with open_simulator(Settings(pace=20)) as simulator:
        target = target_for(base_url=simulator.base_url)

        async def connect(kind: SessionKind) -> UpgradedConnection:
            upstream = target.upstream
            return await dial(upstream.socket_url(target.model, kind), headers=upstream.socket_headers())

        with trio.fail_after(20):
            result = await collect(run_script(service_script_run(target, connect, "audio", speed=20)))
        assert result.bad_outcomes() == []
        assert simulator.journal.sessions()[0].counts["input_audio_buffer.append"] > 100


async def test_nothing_listening_is_no_fault_of_the_service() -> None:
    result = await collect(events(target_for(base_url="http://127.0.0.1:9/v1"), script="text"))
    assert [(check, code) for check, code, _ in result.bad_outcomes()] == [("connect", "EVENTS-NOTHING-LISTENING")]
    assert result.row("connect").severity is Severity.ERROR


async def test_a_server_that_closes_after_the_upgrade_is_reported_with_its_close_code(
    listen: Callable[..., Awaitable[int]],
) -> None:
    async def rude(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 418 I'm a teapot\r\ncontent-length: 5\r\ncf-ray: abc\r\n\r\nshort")

    target = target_for(base_url=f"http://127.0.0.1:{await listen(rude)}/v1")
    with trio.fail_after(10):
        result = await collect(events(target, script="text"))
    assert result.bad_outcomes() == [("connect", "EVENTS-HTTP-ERROR", "fail")]
    assert ("cf-ray", "abc") in [(e.label, e.value) for e in result.row("connect").evidence]


async def test_a_bridge_that_was_taken_for_a_service_is_reported_with_its_own_code(
    fake_service: type, nursery: trio.Nursery
) -> None:
    error = {
        "type": "error",
        "event_id": "e",
        "error": {"type": "bridge_error", "code": "quota_exhausted", "message": "m"},
    }
    address = await fake_service(frames=(error,)).serve(nursery)
    with trio.fail_after(10):
        result = await collect(events(target_for(base_url=address), script="text"))
    assert result.bad_outcomes() == [("session", "BRIDGE-QUOTA-EXHAUSTED", "fail")]


async def test_cancelling_closes_the_socket_within_a_bounded_time(tmp_path: Path) -> None:
    async with open_simulator() as simulator:
        target = target_for(base_url=simulator.base_url)
        with trio.fail_after(5):
            with trio.move_on_after(0.5):
                await collect(events(target, script="audio", capture=tmp_path / "kept"))
            while simulator.simulator.connections:
                await trio.testing.wait_all_tasks_blocked()
    assert left_in(tmp_path) == []
