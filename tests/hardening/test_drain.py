"""Draining while a client speaks, and while it gets an answer: nothing is lost."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
import trio

from bridge.simulator.faults.wire_faults import StallFault
from bridge.transport.link import HandshakeRefused
from tests.hardening.harness import KEY, HealthyCaller, bridge_process, checked_bridge_process, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hardening.harness import BridgeProcess, SimulatorThread
    from tests.server.harness import JsonTestClient

pytestmark = pytest.mark.slow

JSON = ("--log-format", "json")


async def _receive_drained(client: JsonTestClient) -> None:
    """Expect `session_closed` with `draining`, then close 1001."""
    with trio.fail_after(8):
        end = await client.receive_close()
    assert end.code == 1001
    assert [message["reason"] for message in client.received if message["type"] == "session_closed"] == ["draining"]
    assert "error" not in client.types()
    assert "audio_dropped" not in client.types()


async def _reconnect_repeatedly(bridge: BridgeProcess) -> None:
    while True:
        await (await bridge.connect(headers=())).link.close()


async def _assert_rejects_clients(bridge: BridgeProcess) -> None:
    with trio.fail_after(3), pytest.raises(HandshakeRefused) as refused:
        await _reconnect_repeatedly(bridge)
    assert refused.value.status == 503


async def test_a_sentence_in_progress_is_finished_and_answered(upstream: SimulatorThread, tmp_path: Path) -> None:
    words = ("--upstream", upstream.url, *JSON)
    with checked_bridge_process(tmp_path, *words, OPENAI_API_KEY=KEY, SHERPA_BRIDGE_DRAIN_SECONDS="10") as bridge:
        caller = HealthyCaller(bridge, upstream)
        await caller.connect(headers=())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(caller.turn)
            await trio.sleep(0.1)  # half of it is said
            bridge.process.send_signal(signal.SIGTERM)
            await _assert_rejects_clients(bridge)
        caller.assert_unharmed()
        assert caller.turns == 1
        await _receive_drained(caller.client)
        assert await trio.to_thread.run_sync(bridge.process.wait, 5) == 0
    assert not upstream.simulator.connections


async def test_an_answer_in_progress_is_sent_to_its_end(upstream: SimulatorThread, tmp_path: Path) -> None:
    upstream.set_faults(StallFault("audio", 1.0, 2))
    words = ("--upstream", upstream.url, *JSON)
    with checked_bridge_process(tmp_path, *words, OPENAI_API_KEY=KEY, SHERPA_BRIDGE_DRAIN_SECONDS="10") as bridge:
        client = await bridge.connect(headers=())
        await client.send("create_session")
        await client.send("text", text="Hello.")
        with trio.fail_after(10):
            await client.receive_until("response.output_audio.delta")
            bridge.process.send_signal(signal.SIGTERM)
            done = await client.receive_until("response.done")
        assert done["response"]["status"] == "completed"
        await _receive_drained(client)
        assert await trio.to_thread.run_sync(bridge.process.wait, 5) == 0


async def test_a_client_that_keeps_speaking_is_closed_after_the_drain_time(
    upstream: SimulatorThread, tmp_path: Path
) -> None:
    words = ("--upstream", upstream.url, *JSON)
    with checked_bridge_process(tmp_path, *words, OPENAI_API_KEY=KEY, SHERPA_BRIDGE_DRAIN_SECONDS="1") as bridge:
        caller = HealthyCaller(bridge, upstream)
        await caller.connect(headers=())
        await caller.client.link.send_binary(caller.source.speech(20))
        started = trio.current_time()
        bridge.process.send_signal(signal.SIGTERM)
        await _receive_drained(caller.client)
        assert 0.8 < trio.current_time() - started < 3
        assert upstream.lost_ms(caller.source) == 0
        assert await trio.to_thread.run_sync(bridge.process.wait, 5) == 0


async def test_a_second_signal_stops_at_once_and_closes_the_upstream(upstream: SimulatorThread, tmp_path: Path) -> None:
    words = ("--upstream", upstream.url, *JSON)
    with bridge_process(tmp_path, *words, OPENAI_API_KEY=KEY, SHERPA_BRIDGE_DRAIN_SECONDS="600") as bridge:
        caller = HealthyCaller(bridge, upstream)
        await caller.connect(headers=())
        await caller.client.link.send_binary(caller.source.speech(20))
        bridge.process.send_signal(signal.SIGTERM)
        await _assert_rejects_clients(bridge)
        assert bridge.process.poll() is None
        bridge.process.send_signal(signal.SIGTERM)
        assert await trio.to_thread.run_sync(bridge.process.wait, 5) == 0
        await wait_until(lambda: not upstream.simulator.connections, 1)
        await caller.client.link.abort()
