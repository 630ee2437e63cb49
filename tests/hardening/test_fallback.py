"""The REST fallback on real workers: wherever a request lands, each event comes once, in order; no speech is lost."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING

import httpx
import pytest
import trio

from bridge.client_protocol.endpoints import FALLBACK_PATH
from bridge.protocol.audio.tracer import TracerSource
from tests.hardening.bad_network import BadNetworkClient
from tests.hardening.harness import KEY, bridge_process

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hardening.harness import SimulatorThread

pytestmark = pytest.mark.slow

_FEW = 10


@pytest.mark.parametrize("streams", [False, True], ids=["polls", "streams"])
@pytest.mark.parametrize("sessions", [_FEW, pytest.param(200, marks=pytest.mark.nightly)])
async def test_every_event_comes_once_and_no_speech_is_lost(
    sessions: int, streams: bool, upstream: SimulatorThread, tmp_path: Path
) -> None:
    words = ("--upstream", upstream.url, "--workers", "2", "--log-format", "json")
    first = 50_000 + 1_000 * streams + 2_000 * (sessions > _FEW)  # every run at this simulator has callers of its own
    with bridge_process(tmp_path, *words, OPENAI_API_KEY=KEY) as bridge:
        clients = [
            BadNetworkClient(bridge.address, TracerSource(first + number), Random(number), streams)
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
            # Where the machine has no time for 15 s, the session stalls, and speech without an answer goes up again.
            told = "reconnecting" in types
            assert (counts.lost_ms, counts.reordered_ms, counts.damaged_ms) == (0, 0, 0), counts
            assert told or not counts.repeated_ms, counts
        workers = {client.path.rpartition("/")[2].partition(".")[0] for client in clients}
        # A worker that the machine lets wait may find that the other one has taken all of a few.
        assert workers == {"bridge-0", "bridge-1"} or (sessions == _FEW and workers < {"bridge-0", "bridge-1"})
        assert bridge.log_lines("internal.error") == []


@pytest.mark.nightly
async def test_of_a_thousand_sessions_from_one_address_those_past_the_limit_are_refused_and_none_is_left(
    upstream: SimulatorThread, tmp_path: Path
) -> None:
    rules = 'trusted_proxies = ["127.0.0.1"]\nsessions_per_ip = 30\nmax_sessions = 100\n'
    (tmp_path / "sherpa.toml").write_text(f"[bridge]\n{rules}")
    words = ("--config", str(tmp_path / "sherpa.toml"), "--upstream", upstream.url, "--workers", "2")
    begun: list[httpx.Response] = []
    refused: list[httpx.Response] = []
    with bridge_process(tmp_path, *words, "--log-format", "json", OPENAI_API_KEY=KEY) as bridge:
        limits = httpx.Limits(max_connections=20)
        headers = {"x-forwarded-for": "203.0.113.7"}
        base_url = f"http://{bridge.address}"
        async with httpx.AsyncClient(base_url=base_url, headers=headers, limits=limits, trust_env=False) as http:

            async def begin() -> None:
                while True:
                    with suppress(httpx.TransportError):  # a busy server closes connections that are late
                        answer = await http.post(FALLBACK_PATH, json={}, timeout=300)
                        (begun if answer.status_code == 201 else refused).append(answer)
                        return

            async with trio.open_nursery() as nursery:
                for _ in range(1_000):
                    nursery.start_soon(begin)
            assert len(begun) == 30
            assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "SERVER_BUSY")}
            tokens = [answer.json()["token"] for answer in begun]
            assert not any(token in answer.text for token in tokens for answer in refused)
            other = await http.post(FALLBACK_PATH, json={}, headers={"x-forwarded-for": "203.0.113.8"})
            assert other.status_code == 201  # others are served
            for answer in (*begun, other):
                bearer = {"authorization": f"Bearer {answer.json()['token']}"}
                assert (await http.delete(answer.headers["location"], headers=bearer)).status_code == 204
            with trio.fail_after(300):
                while upstream.simulator.connections:  # noqa: ASYNC110 - of another thread
                    await trio.sleep(0.05)
            with trio.fail_after(300):  # their places are free again
                while (await http.post(FALLBACK_PATH, json={})).status_code != 201:  # noqa: ASYNC110 - over the wire
                    await trio.sleep(0.1)
        assert bridge.log_lines("internal.error") == []
