"""A simulator within another program: in its trio loop, or in a thread."""

from __future__ import annotations

import math
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import httpx
import pytest
import trio

from bridge.simulator.certificate import make_certificate
from bridge.simulator.embedded import RunningSimulator, open_simulator, simulator_in_thread
from bridge.simulator.faults.scenarios import SCENARIOS
from bridge.simulator.settings import Settings
from bridge.transport.link import LinkClosed
from bridge.upstream.dial.dial import dial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.transport.websocket import WebSocketLink


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.1", 0))
        occupant.listen()
        yield occupant.getsockname()[1]


def models(running: RunningSimulator, key: str | None = None) -> httpx.Response:
    headers = {"authorization": f"Bearer {key or running.api_key.reveal()}"}
    return httpx.get(f"{running.base_url}/models", headers=headers, timeout=60)


def listens(running: RunningSimulator) -> bool:
    try:
        socket.create_connection((running.host, running.port), timeout=60).close()
    except ConnectionRefusedError:
        return False
    return True


async def test_it_serves_in_the_programs_own_loop_and_stops_at_the_end_of_the_block() -> None:
    with trio.fail_after(10):
        async with open_simulator() as running:
            async with httpx.AsyncClient() as client:
                key = running.api_key.reveal()
                answer = await client.get(f"{running.base_url}/models", headers={"authorization": f"Bearer {key}"})
            during = listens(running)

    assert answer.status_code == 200
    assert running.journal.requests["GET /v1/models"] == 1
    assert during
    assert not listens(running)


async def test_with_a_context_it_serves_tls_and_faults_act_below_it() -> None:
    with make_certificate() as secure:
        trusting = ssl.create_default_context(cafile=secure.authority)
        with trio.fail_after(10):
            async with open_simulator(ssl_context=secure.context) as running:
                assert running.base_url.startswith("https://")
                assert running.azure_url.startswith("https://")
                ends = []
                for scenario in ("no-quota", "dropped", "reset"):
                    headers = [("authorization", f"Bearer {running.key_for(scenario)}")]
                    url = f"{running.websocket_url}?model=gpt-realtime-2.1"
                    link = (await dial(url, headers=headers, ssl_context=trusting)).link
                    ends.append(await end_of(link))
    assert ends == [1013, 1006, 1006]


async def end_of(link: WebSocketLink) -> int:
    try:
        while True:
            await link.receive()
    except LinkClosed as closed:
        return closed.code or 0


async def test_a_port_in_use_is_an_oserror_and_not_a_group(taken_port: int) -> None:
    with trio.fail_after(10), pytest.raises(OSError, match="in use"):
        async with open_simulator(port=taken_port):
            pass


async def test_what_the_block_raises_comes_out_as_it_is() -> None:
    with trio.fail_after(10), pytest.raises(LookupError, match="ours"):
        async with open_simulator():
            raise LookupError("ours")


async def test_cancelling_the_program_ends_it() -> None:
    with trio.fail_after(10), trio.move_on_after(0.05) as scope:
        async with open_simulator() as running:
            await trio.sleep_forever()

    assert scope.cancelled_caught
    assert not listens(running)


async def test_two_simulators_stand_side_by_side() -> None:
    with trio.fail_after(10):
        async with open_simulator(Settings(scenario="no-model")) as one, open_simulator() as other:
            assert one.port != other.port
            assert one.simulator.settings.scenario == "no-model"
            assert other.simulator.settings.scenario == "good"


def test_a_thread_serves_a_program_without_a_loop_and_ends_with_the_block() -> None:
    before = threading.active_count()
    with simulator_in_thread() as running:
        answer = models(running)
        names = [thread.name for thread in threading.enumerate()]

    assert answer.status_code == 200
    assert "sherpa-simulator" in names
    assert threading.active_count() == before
    assert not listens(running)


def test_the_thread_ends_also_when_the_block_fails() -> None:
    before = threading.active_count()
    with pytest.raises(LookupError, match="ours"), simulator_in_thread():
        raise LookupError("ours")

    assert threading.active_count() == before


def test_an_error_on_start_is_raised_in_the_callers_thread(taken_port: int) -> None:
    before = threading.active_count()
    with pytest.raises(OSError, match="in use"), simulator_in_thread(port=taken_port):
        pass

    assert threading.active_count() == before


def test_a_simulator_that_crashes_within_the_block_is_reported_at_its_end() -> None:
    def broken_clock() -> float:
        raise SystemExit("the clock broke")

    def outlive() -> None:
        with simulator_in_thread(Settings(unix_time=broken_clock)) as running:
            thread = next(thread for thread in threading.enumerate() if thread.name == "sherpa-simulator")
            with pytest.raises(httpx.TransportError):
                models(running)
            thread.join(10)

    with pytest.raises(RuntimeError, match="the simulator crashed") as caught:
        outlive()

    assert "the clock broke" in repr(caught.value.__cause__)


def test_a_handler_that_fails_is_a_500_and_the_simulator_continues() -> None:
    def clock() -> float:
        raise ValueError("no time")

    with simulator_in_thread(Settings(unix_time=clock)) as running:
        assert [models(running).status_code for _ in range(2)] == [500, 500]


def test_an_unknown_scenario_has_no_key() -> None:
    with simulator_in_thread() as running, pytest.raises(KeyError):
        running.key_for("no-such-scenario")


def test_a_thread_listens_on_the_given_port(taken_port: int) -> None:
    with simulator_in_thread() as running:
        free = running.port
    with simulator_in_thread(port=free) as running:
        assert running.port == free != taken_port


@pytest.mark.parametrize("name", ["good", "no-quota", "mint-503"])
def test_a_key_selects_its_scenario(name: str) -> None:
    with simulator_in_thread() as running:
        assert running.key_for(name) == SCENARIOS[name].key


def test_the_urls_have_the_same_port() -> None:
    with simulator_in_thread() as running:
        port = running.port
        assert running.base_url == f"http://127.0.0.1:{port}/v1"
        assert running.azure_url == f"http://127.0.0.1:{port}/openai/v1"
        assert running.websocket_url == f"ws://127.0.0.1:{port}/v1/realtime"
        assert str(running.api_key) == "Secret(sk-…0000)"


def test_the_scenario_of_the_settings_is_for_every_plain_key() -> None:
    with simulator_in_thread(Settings(scenario="no-model")) as running:
        listed = [model["id"] for model in models(running).json()["data"]]
        healthy = [model["id"] for model in models(running, running.key_for("good")).json()["data"]]

    assert not [name for name in listed if "realtime" in name]
    assert [name for name in healthy if "realtime" in name]


@pytest.mark.parametrize("name", ["pace", "time_scale"])
@pytest.mark.parametrize("value", [math.nan, math.inf, 0, -1, 1e-320])
def test_an_invalid_time_factor_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} takes a number from 0.001 to 1000000, not "):
        Settings(**{name: value})  # type: ignore[arg-type]  # a name of either factor
