"""The REST fallback on real workers: wherever a request lands, each event comes once, in order; no speech is lost."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
import trio

from bridge.protocol.audio.tracer import TracerSource
from tests.hardening.bad_network import BadNetworkClient
from tests.hardening.harness import KEY, bridge_process

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hardening.harness import SimulatorThread

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("streams", [False, True], ids=["polls", "streams"])
@pytest.mark.parametrize("sessions", [10, pytest.param(200, marks=pytest.mark.nightly)])
async def test_every_event_comes_once_and_no_speech_is_lost(
    sessions: int, streams: bool, upstream: SimulatorThread, tmp_path: Path
) -> None:
    words = ("--upstream", upstream.url, "--workers", "2", "--log-format", "json")
    with bridge_process(tmp_path, *words, OPENAI_API_KEY=KEY) as bridge:
        clients = [
            BadNetworkClient(bridge.address, TracerSource(50_000 + 1_000 * streams + number), Random(number), streams)
            for number in range(sessions)
        ]
        async with trio.open_nursery() as nursery:
            for client in clients:
                nursery.start_soon(client.run)
        account = upstream.simulator.journal.tracer_account(KEY)
        for client in clients:
            types = [message["type"] for message in client.received]
            assert types[0] == "connected"
            assert types.count("response.done") == 1
            assert "error" not in types
            counts = account.counts({client.source.caller: client.source.sent_ms})[client.source.caller]
            assert counts.clean, counts
        workers = {client.path.rpartition("/")[2].partition(".")[0] for client in clients}
        assert workers == {"bridge-0", "bridge-1"}
        assert bridge.log_lines("internal.error") == []
