"""What a bridge does past its marks: newcomers get 503, those who hold most are ended, everybody else goes on."""

from __future__ import annotations

import json

import pytest
import trio

from bridge.server.config.settings import ClientRules
from bridge.server.overload import LoadMarks
from bridge.server.process.load_watch import resident_bytes, watch_load
from bridge.transport.link import HandshakeRefused
from tests.server.fallback.harness import JSON, RestClient
from tests.server.harness import NATIVE_URL, make_settings, running_bridge

MIB = 2**20
MARKS = LoadMarks(lag_seconds=0.2, memory_bytes=100 * MIB)
LARGE = json.dumps({"type": "text", "text": "x" * 500_000})


@pytest.mark.parametrize(("lag", "memory"), [(5.0, 0), (0.0, 200 * MIB)])
async def test_newcomers_get_503_with_a_time_to_wait_and_running_calls_go_on(lag: float, memory: int) -> None:
    async with running_bridge(make_settings(ClientRules(marks=MARKS))) as bridge:
        inside = await bridge.connect()
        for now in range(3):
            bridge.bridge.shedding.measured(lag, memory, float(now))
        for path in ("/api/openai/realtime", NATIVE_URL):
            with pytest.raises(HandshakeRefused) as refused:
                await bridge.connect(path)
            assert refused.value.status == 503
            assert dict(refused.value.headers)["retry-after"] == "5"
            assert b"SERVER_BUSY" in refused.value.body.upper()
        await inside.send("ping", id="still here")
        assert (await inside.receive_until("pong"))["id"] == "still here"
        metrics = bridge.bridge._deps.metrics
        assert metrics.value("shed_clients_total", "lag" if lag else "memory") == 2
        assert metrics.value("loop_lag_seconds") == 3
        for now in range(3, 60):
            bridge.bridge.shedding.measured(0.0, 0, float(now))
        await (await bridge.connect()).link.close()
        await inside.link.close()


async def test_a_worker_that_is_busy_enough_takes_nobody_else() -> None:
    async with running_bridge(make_settings(ClientRules(marks=MARKS))) as bridge:
        for now in range(60):
            bridge.bridge.shedding.served(0.9, float(now))
        with pytest.raises(HandshakeRefused, match="503"):
            await bridge.connect()
        metrics = bridge.bridge._deps.metrics
        assert metrics.value("shed_clients_total", "busy") == 1
        assert metrics.value("serving_seconds_total") == pytest.approx(0.9 * 59)


async def test_a_client_that_holds_most_is_told_and_closed_and_others_are_not() -> None:
    async with running_bridge(make_settings(ClientRules(marks=MARKS))) as bridge:
        large, small = await bridge.connect(), await bridge.connect()
        for _ in range(6):
            await large.link.send_text(LARGE)
        await large.send("ping", id="read")
        await large.receive_until("pong")
        await small.send("text", text="hello")
        await small.send("ping", id="read")
        await small.receive_until("pong")
        bridge.bridge.shedding.measured(0.0, 126 * MIB, 1.0)
        bridge.bridge.shedding.end_largest()
        with trio.fail_after(60):
            end = await large.receive_close()
        assert end.code == 1013
        assert "SERVER_BUSY" in [one.get("code") for one in large.received]
        assert "x" * 100 not in str(large.received)
        assert bridge.bridge._deps.metrics.value("shed_sessions_total") == 1


async def test_a_client_of_the_fallback_is_ended_too(autojump_clock: trio.testing.MockClock) -> None:  # noqa: ARG001
    async with running_bridge(make_settings(ClientRules(marks=MARKS))) as bridge:
        client = RestClient(bridge)
        await client.create(turnDetection="none")
        await client.receive_until("session_ready")
        for _ in range(6):
            assert (await client.post("messages", LARGE.encode(), JSON)).status == 202
        bridge.bridge.shedding.measured(0.0, 126 * MIB, 1.0)
        bridge.bridge.shedding.end_largest()
        assert (await client.receive_until("error"))["code"] == "SERVER_BUSY"
        assert (await client.ask("DELETE", client.path)).status == 204


async def test_the_watch_measures_until_it_is_cancelled() -> None:
    async with running_bridge(make_settings(ClientRules(marks=LoadMarks(memory_bytes=1)))) as bridge:
        bridge.nursery.start_soon(watch_load, bridge.bridge.shedding)
        with trio.fail_after(60):
            while bridge.bridge._deps.admission.overload.sheds(1) is None:  # noqa: ASYNC110 - nothing tells
                await trio.sleep(0.1)
        with pytest.raises(HandshakeRefused):
            await bridge.connect()


def test_the_process_knows_how_much_memory_it_takes() -> None:
    assert resident_bytes() == 0 or resident_bytes() > 10 * MIB
