"""The client for the simulator's control API, over a real socket."""

from __future__ import annotations

import base64
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import websocket

from bridge.protocol.audio.tracer import TracerSource
from bridge.simulator.embedded import simulator_in_thread
from bridge.simulator.settings import Settings
from loadtests.control.simulator import ControlClient, ControlError, ReceivedAudio, _combined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.simulator.embedded import RunningSimulator


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    with simulator_in_thread(Settings(control=True)) as running:
        yield running


@contextmanager
def dialed(simulator: RunningSimulator) -> Iterator[Any]:
    header = [f"Authorization: Bearer {simulator.api_key.reveal()}"]
    url = f"{simulator.websocket_url}?model=gpt-realtime-2.1"
    line: Any = websocket.create_connection(url, header=header, timeout=60)
    try:
        yield line
    finally:
        line.shutdown()


def say(line: Any, kind: str, **more: object) -> None:
    line.send(json.dumps({"type": kind, **more}))


def test_it_reads_what_arrived_and_lets_it_be_forgotten(simulator: RunningSimulator) -> None:
    control = ControlClient(f"http://127.0.0.1:{simulator.port}")
    with dialed(simulator) as line:
        say(line, "session.update", session={"type": "realtime"})
        say(line, "input_audio_buffer.append", audio=base64.b64encode(TracerSource(5).silence(200)).decode())
        while json.loads(line.recv())["type"] != "session.updated":
            pass
        assert control.snapshot().open_sockets == 1
        line.send_close()
    until = time.monotonic() + 60
    while (seen := control.snapshot()).open_sockets and time.monotonic() < until:
        pass
    assert seen.received == {5: ReceivedAudio(received_ms=200, lost_ms=0, repeated_ms=0, reordered_ms=0)}
    assert sum(count for _, count in seen.dials) == 1
    assert all(abs(at - time.time()) < 600 for at, _ in seen.dials)
    control.reset()
    assert (control.snapshot().received, control.snapshot().dials) == ({}, ())


def test_it_cuts_and_it_makes_the_service_ill_and_well(simulator: RunningSimulator) -> None:
    control = ControlClient(f"http://127.0.0.1:{simulator.port}/_sim/")
    with dialed(simulator) as line:
        line.recv()
        assert control.cut("close") == 1
        opcode, data = line.recv_data()
        assert (opcode, int.from_bytes(data[:2], "big")) == (websocket.ABNF.OPCODE_CLOSE, 1012)
    control.set_faults(("http:status=503",))
    with pytest.raises(websocket.WebSocketBadStatusException, match="503"), dialed(simulator):
        pass
    control.set_faults(())
    with dialed(simulator) as line:
        assert "session.created" in line.recv()


def test_an_invalid_request_is_reported_with_the_simulators_own_message(simulator: RunningSimulator) -> None:
    control = ControlClient(f"http://127.0.0.1:{simulator.port}")
    with pytest.raises(ControlError, match=r"responded 400 to /scenario: .*did you mean 'latency'"):
        control.set_faults(("latenzy",))


def test_a_simulator_without_a_control_api_is_reported() -> None:
    with simulator_in_thread() as running, pytest.raises(ControlError, match="responded 401 to /reset"):
        ControlClient(f"http://127.0.0.1:{running.port}").reset()


def test_an_unreachable_simulator_is_reported_with_its_address() -> None:
    with pytest.raises(ControlError, match=r"no simulator's control API at http://127\.0\.0\.1:9/_sim"):
        ControlClient("http://127.0.0.1:9").snapshot()


class Stranger(BaseHTTPRequestHandler):
    """Some other server."""

    answer = b"<html>"

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.mark.parametrize(
    ("answer", "message"),
    [(b"<html>", "no simulator's control API"), (b'{"live": "two"}', "sent an unexpected response")],
)
def test_another_server_is_reported(answer: bytes, message: str) -> None:
    stranger = type("Stranger", (Stranger,), {"answer": answer})
    with HTTPServer(("127.0.0.1", 0), stranger) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(ControlError, match=message):
            ControlClient(f"http://127.0.0.1:{server.server_port}").snapshot()
        thread.join(timeout=60)


def test_what_came_of_a_caller_under_two_keys_is_put_together() -> None:
    def heard(received: int, lost: int, repeated: int = 0) -> ReceivedAudio:
        return ReceivedAudio(received_ms=received, lost_ms=lost, repeated_ms=repeated, reordered_ms=20)

    assert _combined(heard(400, 0), heard(600, 400)) == ReceivedAudio(
        received_ms=1000, lost_ms=0, repeated_ms=0, reordered_ms=40
    )
    assert _combined(heard(400, 0), heard(500, 100, 40)) == ReceivedAudio(
        received_ms=600, lost_ms=0, repeated_ms=340, reordered_ms=40
    )
