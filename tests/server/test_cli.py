"""The command `sherpa-bridge`: fast help, exit codes, workers that are replaced, and draining."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
import trustme

from bridge.server.admission.tickets import InMemoryUsedTickets, TicketStatus, check_ticket
from bridge.server.cli import cli, main
from bridge.upstream.dial.dial import dial
from bridge.upstream.dial.tls import default_tls_context
from reports.redaction import Secret
from tests.server.harness import JsonTestClient

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PROGRAM = [
    sys.executable,
    "-c",
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from bridge.server.cli import main; main()",
    str(ROOT),
]
TOKEN = "a-token-for-the-tests-0123456789"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command in this process, in a temporary folder."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith(("OPENAI_", "SHERPA_"))]:
        monkeypatch.delenv(name)

    def command(*words: str, **environment: str) -> tuple[int, str, str]:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["sherpa-bridge", *words])
        code: object = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        out, err = capsys.readouterr()
        return int(str(code or 0)), out, err

    return command


@contextmanager
def serving(*words: str, folder: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `serve` as a process and give its address; it must have ended when the block does."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "SHERPA_"))}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*PROGRAM, "serve", "--port", "0", *words],
            stdout=log,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=inherited | environment,
            start_new_session=True,
        )
    assert process.stderr is not None
    try:
        first = process.stderr.readline()
        found = re.search(r"wss?://(127\.0\.0\.1:\d+)", first)
        assert found, first + process.stderr.read()
        yield process, found[1]
    finally:
        process.kill()
        process.stderr.close()
        process.wait(60)


def until(condition: Any, seconds: float = 60) -> Any:
    """Poll a condition until it holds; give its value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come about in time")


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    """Whether a process runs: one that ended may still wait to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from bridge.server.cli import cli; print([m for m in sys.modules if m in ('trio', 'httpx')])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
        == "[]\n"
    )


def test_serve_has_the_documented_options() -> None:
    options = {option for parameter in cli.commands["serve"].params for option in parameter.opts}
    documented = (
        "host port upstream dialect model allow-origin client-token-env max-sessions workers tls-cert tls-key simulate"
    )
    assert {f"--{name}" for name in documented.split()} | {"--allow-anonymous"} <= options


@pytest.mark.parametrize("command", ["serve", "check-config"])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "OPENAI_API_KEY"),
        (("--simulate", "--host", "0.0.0.0"), "--allow-anonymous"),
        (("--simulate", "goood"), "did you mean good"),
        (("--simulate", "--upstream", "http://127.0.0.1:9/v1"), "can't be combined with --upstream"),
        (("--simulate", "--client-token-env", "NOPE"), "NOPE"),
        (("--simulate", "--allow-origin", "*"), "wildcard"),
        (("--config", "none.toml"), "file not found"),
        (("--upstream", "api.openai.com", "--api-key-env", "KEY"), "--upstream"),
        (("--upstream", "ftp://x", "--api-key-env", "KEY"), "scheme"),
    ],
)
def test_errors_are_printed_and_exit_2(run: Any, command: str, words: tuple[str, ...], message: str) -> None:
    code, out, err = run(command, *words, KEY="sk-proj-abcdefghijklmnopqrstuvwxyz0123")
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())
    assert "Traceback" not in err
    assert err.startswith(f"sherpa-bridge {command}: ")


def test_all_errors_are_printed_at_once(run: Any) -> None:
    code, _, err = run("check-config", "--simulate", "--host", "0.0.0.0", "--tls-cert", "c", SHERPA_BRIDGE_WORKERS="0")
    assert code == 2
    assert "3 invalid settings" in err
    assert [name for name in ("--host", "--tls-key", "SHERPA_BRIDGE_WORKERS") if name not in err] == []


def test_an_unknown_variable_is_a_warning(run: Any) -> None:
    code, out, err = run("check-config", "--simulate", SHERPA_BRIDGE_PROT="1")
    assert (code, "The configuration is valid." in out) == (0, True)
    assert "SHERPA_BRIDGE_PROT is not a setting; did you mean SHERPA_BRIDGE_PORT" in err


def test_a_valid_configuration_is_printed_without_secrets(run: Any) -> None:
    code, out, _ = run("check-config", "--client-token-env", "T", T=TOKEN, OPENAI_API_KEY="sk-proj-abcdefghijkl0123")
    assert code == 0
    assert "The configuration is valid." in out
    assert "https://api.openai.com/v1" in out
    assert TOKEN not in out


def test_a_ticket_is_printed_alone_and_is_valid(run: Any) -> None:
    code, out, err = run("ticket", "--client-token-env", "T", T=TOKEN)
    assert (code, err) == (0, "")
    assert check_ticket(out.strip(), Secret(TOKEN), time.time(), InMemoryUsedTickets()).status is TicketStatus.GOOD
    for name, words in (("NOPE", "is not set"), ("SHORT", "fewer than 16 characters")):
        code, out, err = run("ticket", "--client-token-env", name, SHORT="hunter2")
        assert (code, out) == (2, "")
        assert words in err


def test_a_port_in_use_is_reported(run: Any, tmp_path: Path) -> None:
    with serving("--simulate", folder=tmp_path) as (_, address):
        code, _, err = run("serve", "--simulate", "--port", address.rpartition(":")[2])
        assert code == 2
        assert "can't listen" in err
        assert "--port" in err
        assert "Usage" not in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_exits_130_and_sigterm_0(tmp_path: Path, number: int, code: int, workers: str) -> None:
    with serving("--simulate", "--workers", workers, folder=tmp_path) as (process, address):
        until(lambda: httpx.get(f"http://{address}/healthz", timeout=60).status_code == 200)
        process.send_signal(number)
        assert process.wait(60) == code


def test_logs_go_to_stdout_as_json_so_that_a_program_can_read_them_and_the_banner_does_not(tmp_path: Path) -> None:
    with serving("--simulate", folder=tmp_path) as (process, address):
        until(lambda: httpx.get(f"http://{address}/healthz", timeout=60).status_code == 200)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        rest = process.stderr.read() if process.stderr else ""
    assert "try it" in rest
    assert "{" not in rest
    lines = (tmp_path / "log").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["bridge.draining"]


def test_logs_as_text_go_to_stderr(tmp_path: Path) -> None:
    with serving("--simulate", "--log-format", "console", folder=tmp_path) as (process, address):
        until(lambda: httpx.get(f"http://{address}/healthz", timeout=60).status_code == 200)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert "Draining" in (process.stderr.read() if process.stderr else "")
    assert (tmp_path / "log").read_text() == ""


@pytest.mark.slow
def test_workers_share_a_port_are_replaced_and_drain(tmp_path: Path) -> None:
    with serving("--simulate", "--workers", "2", folder=tmp_path) as (process, address):
        ask = f"http://{address}"
        first = until(lambda: len(found := children(process.pid)) == 2 and found)
        until(lambda: "sherpa_bridge_workers 2\n" in httpx.get(f"{ask}/metrics", timeout=60).text)
        os.kill(first[0], signal.SIGKILL)
        until(lambda: len(found := children(process.pid)) == 2 and found != first)
        until(lambda: "sherpa_bridge_worker_restarts_total 1\n" in httpx.get(f"{ask}/metrics", timeout=60).text)
        assert httpx.get(f"{ask}/readyz", timeout=60).status_code == 200
        process.terminate()
        assert process.wait(60) == 0


@pytest.mark.slow
def test_workers_end_with_their_supervisor(tmp_path: Path) -> None:
    with serving("--simulate", "--workers", "2", folder=tmp_path, TMPDIR=str(tmp_path)) as (process, _):
        workers = until(lambda: len(found := children(process.pid)) == 2 and found)
        until(lambda: len(list(tmp_path.glob("sherpa-bridge-*/worker-*.snapshot"))) == 2)
        process.kill()
        process.wait()
        until(lambda: not any(map(is_running, workers)))
        until(lambda: list(tmp_path.glob("sherpa-bridge-*")) == [])


async def test_sigterm_drains_and_a_second_one_ends_at_once(tmp_path: Path) -> None:
    with trio.fail_after(20), serving("--simulate", folder=tmp_path, SHERPA_BRIDGE_DRAIN_SECONDS="600") as served:
        process, address = served
        client = JsonTestClient((await dial(f"ws://{address}/api/openai/realtime")).link)
        await client.send("create_session")
        await client.receive_until("session_ready")
        await client.link.send_binary(b"\1\2" * 2400)
        await client.send("text", text="hello")
        await client.receive_until("response.created")
        process.terminate()
        async with httpx.AsyncClient(timeout=60) as http:
            while (await http.get(f"http://{address}/readyz")).status_code != 503:  # noqa: ASYNC110 - another process
                await trio.sleep(0.02)
        assert process.poll() is None
        process.terminate()
        assert await trio.to_thread.run_sync(process.wait, 10) == 0
        await client.link.abort()


async def test_a_certificate_enables_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    trusted = default_tls_context()
    authority.configure_trust(trusted)
    words = ("--simulate", "--tls-cert", "cert.pem", "--tls-key", "key.pem")
    with trio.fail_after(20), serving(*words, folder=tmp_path) as (_, address):
        client = JsonTestClient((await dial(f"wss://{address}/api/openai/realtime", ssl_context=trusted)).link)
        assert (await client.receive_until("connected"))["protocol"] == 1
        await client.link.close()
