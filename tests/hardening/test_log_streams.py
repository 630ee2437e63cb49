"""A log that nobody reads, and a full disk: the bridge serves as before, and stops when it is told to."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest
import trio

from tests.hardening.harness import KEY, BridgeProcess, HealthyCaller, address_in, own_environment, wait_until
from tests.server.test_cli import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.hardening.harness import SimulatorThread

pytestmark = pytest.mark.slow

#: At debug level, each connects and leaves with about 1 kB of lines: far more than a pipe of 4 KiB holds.
VISITS = 40


@contextmanager
def logging_to(stdout: int, folder: Path, upstream: SimulatorThread, workers: str) -> Iterator[BridgeProcess]:
    """Run a bridge whose JSON log goes to a descriptor. The banner goes to a file."""
    banner = folder / "banner"
    words = ("--upstream", upstream.url, "--log-format", "json", "--log-level", "debug", "--workers", workers)
    with banner.open("wb") as err:
        process = subprocess.Popen(
            [*PROGRAM, "serve", "--port", "0", *words],
            stdout=stdout,
            stderr=err,
            cwd=folder,
            env=own_environment() | {"OPENAI_API_KEY": KEY},
            start_new_session=True,
        )
    try:
        scheme, address = address_in(process, banner)
        yield BridgeProcess(process, address, banner, scheme)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)


async def _assert_serves(bridge: BridgeProcess, upstream: SimulatorThread) -> None:
    """Many clients come and go, and behind that health answers and a caller has its turn."""
    with trio.fail_after(30):
        for _ in range(VISITS):
            client = await bridge.connect(headers=())
            await client.link.close()
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            assert (await http.get(f"http://{bridge.address}/healthz")).status_code == 200
        caller = HealthyCaller(bridge, upstream)
        await caller.connect(headers=())
        await caller.turn()
        caller.assert_unharmed()
        await caller.disconnect()


async def _assert_stops(bridge: BridgeProcess) -> None:
    bridge.process.terminate()
    assert await trio.to_thread.run_sync(bridge.process.wait, 60) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_log_pipe_that_nobody_reads_stops_no_session(
    upstream: SimulatorThread, tmp_path: Path, workers: str
) -> None:
    reading, writing = os.pipe()
    _shrink(writing)
    try:
        with logging_to(writing, tmp_path, upstream, workers) as bridge:
            await _assert_serves(bridge, upstream)
            await _assert_stops(bridge)
    finally:
        os.close(reading)
        os.close(writing)


async def test_a_worker_is_replaced_while_nobody_reads_the_log(upstream: SimulatorThread, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    _shrink(writing)
    try:
        with logging_to(writing, tmp_path, upstream, "2") as bridge:
            await _assert_serves(bridge, upstream)
            workers = {child.pid for child in bridge.ps.children()}
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            with trio.fail_after(20):
                while len({child.pid for child in bridge.ps.children()} - workers) < 2:  # noqa: ASYNC110 - a process
                    await trio.sleep(0.05)
            await _assert_serves(bridge, upstream)
            await _assert_stops(bridge)
    finally:
        os.close(reading)
        os.close(writing)


async def test_a_full_disk_stops_no_session_and_the_loss_is_counted(upstream: SimulatorThread, tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with logging_to(full, tmp_path, upstream, "1") as bridge:
            await _assert_serves(bridge, upstream)
            assert (await bridge.metrics())["log_lines_dropped_total"] > VISITS
            await _assert_stops(bridge)
    finally:
        os.close(full)


def _shrink(writing: int) -> None:
    """Let a pipe hold one page."""
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)


async def test_running_out_of_descriptors_is_told_in_json_and_once(upstream: SimulatorThread, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as out, logging_to(out.fileno(), tmp_path, upstream, "1") as bridge:
        spare = 8
        bridge.ps.rlimit(psutil.RLIMIT_NOFILE, (bridge.ps.num_fds() + spare,) * 2)
        held = [await bridge.open_tcp() for _ in range(2 * spare)]
        await wait_until(lambda: b"library.log" in log.read_bytes(), 10)
        for stream in held:
            await stream.aclose()
        await _assert_serves(bridge, upstream)
        await _assert_stops(bridge)
        assert "Traceback" not in bridge.log.read_text(), "the banner's stream has no plain text of a library"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    [line] = [line for line in lines if line["event"] == "library.log"]
    assert line["logger"] == "trio.serve_listeners"
    assert line["traceback"][-1] == "OSError: [Errno 24] Too many open files"
