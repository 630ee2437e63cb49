"""The relay benchmark measures real processes over loopback. What it costs them is not asserted here."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks.relay.__main__ import has_time, machine, main
from benchmarks.relay.load import Load
from benchmarks.relay.processes import RelayError, StartError, port_in, run_once, running_upstream, started
from benchmarks.relay.relays import RELAYS, Command, Relay
from benchmarks.relay.upstream import audio_of
from benchmarks.relay.usage import Cores, available_cores, choose_cores, pinned, spent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.relay.relays import Upstream

LOAD = Load(sessions=2, seconds=0.05)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running_upstream(Cores()) as found:
        yield found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["direct", "picows", "trio-websocket", "client", "native", "client-tls", "node"])
def test_chunks_come_back_through_every_relay(name: str, upstream: Upstream) -> None:
    relay = RELAYS[name]
    if relay.needs():
        pytest.skip(relay.needs())
    for seconds in (LOAD.seconds, 1.0, 10.0):  # a busy machine may let nothing come back within the first
        one = run_once(relay, replace(LOAD, seconds=seconds), upstream, Cores())
        assert (one.errors, one.unanswered) == ((), 0)
        assert one.ready_p50_ms > 0
        if one.round_trips:
            return
    raise AssertionError("no chunk came back")


@pytest.mark.slow
def test_idle_sessions_of_the_simulator_stay_open(upstream: Upstream) -> None:
    one = run_once(RELAYS["simulator"], Load(sessions=2, speaking=False), upstream, Cores())
    assert (one.errors, one.round_trips) == ((), 0)


def test_a_relay_that_does_not_start_is_an_error_with_its_words() -> None:
    command = Command((sys.executable, "-c", "print('no such key')"), {})
    with pytest.raises(StartError, match="no such key"), started(command, frozenset()):
        pass


REFUSING = """
from http.server import BaseHTTPRequestHandler, HTTPServer
server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
print(server.server_port, flush=True)
server.serve_forever()
"""
ENDING = """
import socket
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
listening.accept()
"""


#: Closes each connection at its first chunk.
CLOSING = """
import uvloop
from picows import WSListener, WSMsgType, ws_create_server
class Closing(WSListener):
    def on_ws_connected(self, transport):
        transport.send(WSMsgType.TEXT, b'{"type":"session.created"}')
    def on_ws_frame(self, transport, frame):
        transport.disconnect()
async def main():
    server = await ws_create_server(lambda request: Closing(), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
uvloop.run(main())
"""


def running(program: str) -> Relay:
    command = Command((sys.executable, "-c", program), {})
    return Relay(name="bad", title="bad", protocol="native", start=lambda _upstream: command)


@pytest.mark.parametrize(("program", "problem"), [(REFUSING, RelayError), (ENDING, (RelayError, OSError))])
def test_a_relay_that_refuses_or_ends_is_an_error_and_no_crash(
    program: str, problem: type[Exception] | tuple[type[Exception], ...], upstream: Upstream
) -> None:
    with pytest.raises(problem):
        run_once(running(program), LOAD, upstream, Cores())


def test_a_caller_that_is_disconnected_is_an_error_in_the_result(upstream: Upstream) -> None:
    one = run_once(running(CLOSING), Load(sessions=2, pace=20, seconds=0.5), upstream, Cores())
    assert "a caller was disconnected" in one.errors


def test_the_port_is_a_number_or_stands_in_the_first_url() -> None:
    assert port_in("8123\n") == 8123
    assert port_in("sherpa-bridge   ws://127.0.0.1:40123/api   upstream http://127.0.0.1:7001/v1") == 40123
    with pytest.raises(StartError, match="error 17"):
        port_in("error 17")


def test_without_the_load_generator_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.relay.__main__.python_problem", lambda *_names: "Not installed: picows")
    assert main([]) == 2
    assert capsys.readouterr().err == "The load generator needs the extra [bench]: pip install -e '.[bench]'\n"


def test_no_round_begins_that_would_end_too_late() -> None:
    assert has_time(0, 0, limit=10)
    assert has_time(6, 2, limit=9)
    assert not has_time(6.1, 2, limit=9)


def test_the_machine_is_described_without_its_name() -> None:
    assert set(machine()) == {"cores", "architecture", "python", "trio", "websockets", "node"}


def test_an_unknown_load_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--only", "nothing"])
    assert ended.value.code == 2
    assert "flat-out" in capsys.readouterr().err


def test_the_relay_has_a_core_of_its_own_where_there_are_two() -> None:
    assert choose_cores(frozenset({0})) == Cores()
    assert choose_cores(frozenset({2, 5})) == Cores(frozenset({2}), frozenset({5}), frozenset({2, 5}))
    assert choose_cores(frozenset({0, 1, 2, 3})).load == frozenset({2, 3}), "two workers leave two cores to the load"
    assert str(choose_cores(frozenset({0, 1}))) == "relay on core 0, load and upstream on 1"


@pytest.mark.skipif(not shutil.which("true") or sys.platform != "linux", reason="affinity is Linux's")
def test_pinning_ends_with_the_block() -> None:
    before = available_cores()
    with pinned(frozenset([min(before)])):
        assert os.sched_getaffinity(0) == {min(before)}
    assert available_cores() == before


def test_processes_that_started_in_between_count_from_zero() -> None:
    assert spent({1: 5.0, 2: 1.0}, {1: 5.5, 2: 2.0, 3: 0.25}) == pytest.approx((1.75, 1.0))


def test_the_upstream_cuts_the_audio_out_of_an_append_however_it_is_spaced() -> None:
    assert audio_of(b'{"type": "input_audio_buffer.append", "audio" : "QUJD"}') == b"QUJD"
