from __future__ import annotations

import json
import os
import re
import select
import signal
import ssl
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme
from click.testing import CliRunner
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bridge.simulator.cli import cli
from bridge.simulator.faults.registry import FAULTS
from bridge.simulator.faults.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = str(Path(sys.executable).with_name("sherpa-sim"))
KEY = {"Authorization": "Bearer sk-test"}


@contextmanager
def serving(*options: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run `sherpa-sim serve` on a free port, and yield the port and the process."""
    command = [COMMAND, "serve", "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = re.search(r"https?://127\.0\.0\.1:(\d+)/v1", process.stderr.readline())
        assert found
        try:
            yield int(found[1]), process
        finally:
            process.kill()


def first_frame(port: int, key: str = "sk-test") -> dict[str, object]:
    url = f"ws://127.0.0.1:{port}/v1/realtime?model=gpt-realtime-2.1"
    with connect(url, additional_headers={"Authorization": f"Bearer {key}"}, proxy=None) as socket:
        return json.loads(socket.recv(timeout=60))  # type: ignore[no-any-return]


def test_help_imports_nothing_that_only_serving_needs() -> None:
    call = (
        "import atexit, sys; atexit.register(lambda: print(*sorted({'trio', 'h11', 'msgspec'} & set(sys.modules))));"
        "from bridge.simulator.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", call, "serve", "--help"], check=True, capture_output=True, text=True)
    assert "Usage:" in done.stdout
    assert done.stdout.splitlines()[-1] == ""


def test_the_list_names_every_scenario_and_fault() -> None:
    output = CliRunner().invoke(cli, ["list"]).output
    assert all(f"  {name} " in output for name in SCENARIOS)
    assert all(f"  {name}" in output for name in FAULTS)
    document = json.loads(CliRunner().invoke(cli, ["list", "--json"]).output)
    assert [row["name"] for row in document["scenarios"]] == list(SCENARIOS)
    assert [row["name"] for row in document["faults"]] == list(FAULTS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scenario", "invalidkey"], "did you mean 'invalid-key'?"),
        (["--fault", "latency:ms=fast"], "ms takes a number, not 'fast'"),
        (["--fault", "close:when=ready"], "takes at=…, nth=…, code=…, reason=…"),
        (["--fault", "nonsense"], "unknown fault 'nonsense'"),
        (["--time-scale", "0"], "--time-scale takes a number from 0.001 to 1000000, not 0"),
        (["--time-scale", "nan"], "not nan"),
        (["--time-scale", "1e-320"], "not 9.99989e-321"),
        (["--pace", "nan"], "--pace takes a number from 0.001 to 1000000, not nan"),
        (["--pace", "inf"], "not inf"),
        (["--control", "--workers", "2"], "--workers 1"),
        (["--host", "0.0.0.0"], "--allow-remote"),
        (["--dialect", "alpha"], "'alpha' is not one of"),
        (["--port", "70000"], "70000 is not in the range"),
        (["--tls-cert", "cert.pem"], "--tls-cert needs --tls-key as well"),
        (["--tls-key", "key.pem"], "--tls-key needs --tls-cert as well"),
        (["--tls", "--tls-cert", "cert.pem"], "--tls makes a certificate"),
        (["--tls-cert", "none.pem", "--tls-key", "none.pem"], "--tls-cert: file not found: none.pem"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_2(options: list[str], message: str) -> None:
    result = CliRunner().invoke(cli, ["serve", *options])
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_without_its_extra_a_certificate_is_refused_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    result = CliRunner().invoke(cli, ["serve", "--tls"])
    assert result.exit_code == 2
    assert "pip install 'sherpa-realtime[tls]'" in result.output


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_client_that_trusts_the_printed_authority_opens_wss(workers: str) -> None:
    command = [COMMAND, "serve", "--port", "0", "--tls", "--workers", workers]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        base = re.search(r"https://(127\.0\.0\.1:\d+/v1)", process.stderr.readline() + process.stderr.readline())
        authority = re.search(r"SSL_CERT_FILE=(\S+)", process.stderr.readline())
        assert base
        assert authority
        trusting = ssl.create_default_context(cafile=authority[1])
        listed = httpx.get(f"https://{base[1]}/models", headers=KEY, verify=trusting, timeout=60, trust_env=False)
        url = f"wss://{base[1]}/realtime?model=gpt-realtime-2.1"
        with connect(url, additional_headers=KEY, ssl=trusting, proxy=None) as socket:
            first = json.loads(socket.recv(timeout=60))
        process.terminate()
        assert process.wait(60) == 0
    assert (listed.status_code, first["type"]) == (200, "session.created")
    assert not Path(authority[1]).exists()


@pytest.mark.slow
def test_it_serves_a_certificate_of_yours(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    files = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    with serving(*files) as (port, _):
        address = f"https://127.0.0.1:{port}/v1/models"
        assert httpx.get(address, headers=KEY, verify=trusting, timeout=60, trust_env=False).status_code == 200


@pytest.mark.slow
def test_a_port_in_use_is_reported_with_exit_2() -> None:
    with serving() as (port, _):
        again = subprocess.run([COMMAND, "serve", "--port", str(port)], capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert f"can't listen on 127.0.0.1 port {port}: address already in use; stop" in " ".join(again.stderr.split())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_serves_until_a_signal_and_an_interrupt_ends_with_130(workers: str, name: signal.Signals, code: int) -> None:
    with serving("--workers", workers) as (port, process):
        assert first_frame(port)["type"] == "session.created"
        process.send_signal(name)
        assert process.wait(60) == code


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(child) for child in found.split()]


@pytest.mark.slow
def test_workers_end_when_their_parent_is_killed() -> None:
    with serving("--workers", "2") as (_, process), ExitStack() as stack:
        ends = [os.pidfd_open(worker) for worker in workers_of(process)]
        for end in ends:
            stack.callback(os.close, end)
        assert len(ends) == 2
        process.kill()
        process.wait(60)
        for end in ends:
            assert select.select([end], [], [], 30)[0], "a worker outlives its parent"


@pytest.mark.slow
def test_a_worker_that_dies_ends_the_command_with_1_and_a_message() -> None:
    with serving("--workers", "2") as (_, process):
        os.kill(workers_of(process)[0], signal.SIGKILL)
        assert process.wait(60) == 1
        assert process.stderr is not None
        assert "a worker process ended unexpectedly (killed by signal 9)" in process.stderr.read()


@pytest.mark.slow
def test_a_worker_that_raises_prints_its_traceback_and_the_command_exits_with_1() -> None:
    closed_listener = (
        "import socket, sys; from bridge.simulator.serve import serve_many; "
        "from bridge.simulator.settings import Settings; "
        "listening = socket.create_server(('127.0.0.1', 0)); listening.close(); "
        "sys.exit(serve_many(Settings(), listening, 1, lambda: None))"
    )
    command = [sys.executable, "-c", closed_listener]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.slow
def test_a_secret_minted_by_one_worker_opens_at_the_others() -> None:
    with serving("--workers", "3") as (port, _):
        minted = httpx.post(
            f"http://127.0.0.1:{port}/v1/realtime/client_secrets",
            headers=KEY,
            json={"session": {"type": "realtime", "instructions": "Speak like a sherpa."}},
            trust_env=False,
            timeout=60,
        ).json()
        frames = [first_frame(port, minted["value"]) for _ in range(12)]
    assert {frame["session"]["instructions"] for frame in frames} == {"Speak like a sherpa."}  # type: ignore[index]


@pytest.mark.slow
def test_scenario_and_faults_of_the_command_line_are_served() -> None:
    with serving("--scenario", "no-quota") as (port, _):
        assert first_frame(port)["error"]["code"] == "insufficient_quota"  # type: ignore[index]
    with serving("--fault", "refuse:code=invalid_model,times=1") as (port, _):
        assert first_frame(port)["type"] == "error"
        assert first_frame(port)["type"] == "session.created"


@pytest.mark.slow
def test_an_hour_passes_in_seconds() -> None:
    with serving("--time-scale", "7200") as (port, _):
        url = f"ws://127.0.0.1:{port}/v1/realtime?model=gpt-realtime-2.1"
        frames = []
        with connect(url, additional_headers=KEY, proxy=None) as socket:
            with suppress(ConnectionClosed):
                while True:
                    frames.append(json.loads(socket.recv(timeout=60)))
            assert socket.close_code == 1001
            assert socket.close_reason == "Your session hit the maximum duration of 60 minutes."
    assert frames[-1]["error"]["code"] == "session_expired"


def test_an_output_that_cannot_be_written_is_reported_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", "from bridge.simulator.cli import main; main()", "list"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr == "sherpa-sim: can't write the result: no space left on device\n"
