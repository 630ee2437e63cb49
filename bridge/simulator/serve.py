"""`sherpa-sim serve`: one process, or several on one listening socket. Signals end it; the last word is the counts."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from bridge.simulator.secret_store import FolderSecrets, MemorySecrets
from bridge.simulator.server import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.simulator.settings import Settings

#: Connections that may wait to be accepted: a reconnect storm of thousands must not be cut by the listener itself.
_BACKLOG = 4096


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket. Raises OSError when the address is taken or not ours."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def serve_one(settings: Settings, listening: socket.socket, ready: Callable[[], None] = lambda: None) -> None:
    """Serve from this process until SIGINT or SIGTERM."""
    simulator = Simulator(settings, MemorySecrets())
    trio.run(_serve, simulator, listening, ready)


def serve_many(settings: Settings, listening: socket.socket, workers: int, ready: Callable[[], None]) -> int:
    """Serve from so many processes until a signal; gives an exit code. A worker that dies ends them all."""
    with tempfile.TemporaryDirectory(prefix="sherpa-sim-") as folder:
        children = [_start_worker(settings, listening, Path(folder)) for _ in range(workers)]
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: _stop(children))
        ready()
        _, status = os.wait()
        _stop(children)
        for child in children:
            _reap(child)
        return os.waitstatus_to_exitcode(status)


def _start_worker(settings: Settings, listening: socket.socket, folder: Path) -> int:
    child = os.fork()
    if child:
        return child
    try:
        trio.run(_serve, Simulator(settings, FolderSecrets(folder)), listening, lambda: None)
    finally:
        os._exit(0)


def _stop(children: list[int]) -> None:
    for child in children:
        try:
            os.kill(child, signal.SIGTERM)
        except ProcessLookupError:
            continue


def _reap(child: int) -> None:
    try:
        os.waitpid(child, 0)
    except ChildProcessError:
        return


async def _serve(simulator: Simulator, listening: socket.socket, ready: Callable[[], None]) -> None:
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
    async with trio.open_nursery() as nursery:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            nursery.start_soon(trio.serve_listeners, simulator.serve_stream, [listener])
            ready()
            async for _ in signals:
                nursery.cancel_scope.cancel()
                break
