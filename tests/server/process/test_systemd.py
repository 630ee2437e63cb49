"""Both protocols over real sockets: what a service manager hears, and which sockets the bridge takes from it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from bridge.server.process.systemd import ActivationError, ServiceManager, take_inherited_sockets

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
PATIENCE = 120.0


@pytest.fixture
def manager_socket(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(PATIENCE)
        yield listening


def address(listening: socket.socket) -> str:
    return str(listening.getsockname())


def heard(listening: socket.socket) -> list[str]:
    """All datagrams so far."""
    listening.setblocking(False)
    found = []
    try:
        while True:
            found.append(listening.recv(4096).decode())
    except BlockingIOError:
        return found


def test_each_change_is_one_datagram(manager_socket: socket.socket) -> None:
    manager = ServiceManager.from_environment({"NOTIFY_SOCKET": address(manager_socket)})
    manager.ready()
    manager.reloading()
    manager.stopping()
    ready, reloading, stopping = heard(manager_socket)
    assert (ready, stopping) == ("READY=1", "STOPPING=1")
    name, _, stamp = reloading.partition("\nMONOTONIC_USEC=")
    assert name == "RELOADING=1"
    assert int(stamp) > 0


def test_an_abstract_socket_is_found_by_its_name() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0sherpa-test-{os.getpid()}")
        ServiceManager.from_environment({"NOTIFY_SOCKET": f"@sherpa-test-{os.getpid()}"}).ready()
        assert heard(listening) == ["READY=1"]


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_without_a_manager_nothing_happens(environment: dict[str, str]) -> None:
    manager = ServiceManager.from_environment(environment)
    manager.ready()
    manager.beat()
    manager.stopping()


def test_a_manager_that_reads_nothing_stops_nobody(manager_socket: socket.socket) -> None:
    manager = ServiceManager(address(manager_socket))
    for _ in range(2_000):  # far more than its queue holds
        manager.ready()
    assert len(heard(manager_socket)) < 2_000


def test_a_watchdog_hears_that_the_process_runs(manager_socket: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": address(manager_socket), "WATCHDOG_USEC": "1000000"}
    manager = ServiceManager.from_environment(environment)
    manager.beat()
    assert heard(manager_socket) == ["WATCHDOG=1"]


def test_beats_are_no_more_frequent_than_half_of_the_watchdogs_time(manager_socket: socket.socket) -> None:
    manager = ServiceManager(address(manager_socket), watchdog_seconds=3600)
    for _ in range(3):
        manager.beat()
    assert heard(manager_socket) == ["WATCHDOG=1"]


@pytest.mark.parametrize("more", [{}, {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}])
def test_without_a_watchdog_for_this_process_there_are_no_beats(
    manager_socket: socket.socket, more: dict[str, str]
) -> None:
    ServiceManager.from_environment({"NOTIFY_SOCKET": address(manager_socket), **more}).beat()
    assert heard(manager_socket) == []


@contextmanager
def handed_over(*sockets: socket.socket) -> Iterator[int]:
    """Give the sockets descriptors that follow each other, as systemd does; returns the first."""
    first = 200
    for number, one in enumerate(sockets):
        os.dup2(one.fileno(), first + number)
    try:
        yield first
    finally:
        for number in range(len(sockets)):
            try:
                os.close(first + number)
            except OSError:
                continue  # taken, and closed with its socket


def environment_for(count: int, names: str = "", pid: int | None = None) -> dict[str, str]:
    return {"LISTEN_PID": str(pid or os.getpid()), "LISTEN_FDS": str(count), "LISTEN_FDNAMES": names}


def test_sockets_are_taken_by_their_names_and_decide_where_the_bridge_listens() -> None:
    environment = environment_for(2, "admin:sherpa-bridge.socket")
    with (
        socket.create_server(("127.0.0.1", 0)) as admin,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as clients,
        handed_over(admin, clients) as first,
    ):
        taken = take_inherited_sockets(environment, first)
        assert taken.clients is not None
        assert taken.admin is not None
        with taken.clients, taken.admin:
            assert not taken.clients.get_inheritable()
            assert taken.options() == {
                "host": "::1",
                "port": clients.getsockname()[1],
                "admin_listen": f"127.0.0.1:{admin.getsockname()[1]}",
            }
    assert environment == {}, "processes that the bridge starts must not take them for theirs"


@pytest.mark.parametrize("environment", [{}, environment_for(1, pid=1), {**environment_for(1), "LISTEN_FDS": "all"}])
def test_nothing_is_taken_that_is_not_for_this_process(environment: dict[str, str]) -> None:
    taken = take_inherited_sockets(environment)
    assert (taken.clients, taken.admin, taken.options()) == (None, None, {})


def test_two_sockets_for_clients_are_refused() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
        handed_over(one, two) as first,
        pytest.raises(ActivationError, match="more than one socket for clients"),
    ):
        take_inherited_sockets(environment_for(2), first)


def test_what_cannot_serve_clients_is_refused_with_what_to_write(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as local, socket.socket() as idle:
        local.bind(str(tmp_path / "socket"))
        local.listen()
        for wrong in (local, idle):
            with (
                handed_over(wrong) as first,
                pytest.raises(ActivationError, match="not a listening TCP socket: use ListenStream=HOST:PORT"),
            ):
                take_inherited_sockets(environment_for(1), first)
    with pytest.raises(ActivationError, match="descriptor 200 is not a socket"):
        take_inherited_sockets(environment_for(1), 200)


@pytest.mark.slow
@pytest.mark.parametrize(
    "workers", [pytest.param("1", id="one process"), pytest.param("2", id="two workers", marks=pytest.mark.nightly)]
)
def test_a_bridge_serves_the_socket_that_it_inherits_and_says_what_it_does(
    manager_socket: socket.socket, tmp_path: Path, workers: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, (tmp_path / "log").open("wb") as log:
        as_systemd_does = f"import os; os.dup2({listening.fileno()}, 3); os.environ['LISTEN_PID'] = str(os.getpid())"
        entry = f"{as_systemd_does}; from sherpa_realtime import sherpa_bridge; sherpa_bridge()"
        started = subprocess.Popen(
            [sys.executable, "-c", entry, "serve", "--simulate", "--workers", workers, "--port", "1"],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "NOTIFY_SOCKET": address(manager_socket),
                "WATCHDOG_USEC": "10000000",
                "LISTEN_FDS": "1",
            },
            pass_fds=[listening.fileno()], stdout=log, stderr=log, cwd=tmp_path,
        )  # fmt: skip
        try:
            messages = iter(lambda: manager_socket.recv(4096).decode().partition("\n")[0], "")
            assert {next(messages), next(messages)} == {"READY=1", "WATCHDOG=1"}
            with urlopen(f"http://127.0.0.1:{listening.getsockname()[1]}/readyz", timeout=PATIENCE) as answer:
                assert answer.status == 200
            started.send_signal(signal.SIGHUP)
            assert [next(messages), next(messages)] == ["RELOADING=1", "READY=1"]
            started.send_signal(signal.SIGTERM)
            assert next(messages) == "STOPPING=1"
            assert started.wait(timeout=PATIENCE) == 0, (tmp_path / "log").read_text()
        finally:
            started.kill()
            started.wait(timeout=PATIENCE)
