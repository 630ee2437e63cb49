"""`sherpa-sim serve`: one process, or several that share one listening socket, until a signal.

Exit codes: 130 for SIGINT, 0 for SIGTERM, 1 if a worker process has ended by itself.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from bridge.simulator.service.secrets import FolderSecretStore, MemorySecretStore
from bridge.simulator.service.server import Simulator

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from bridge.simulator.settings import Settings

#: The listen backlog. It must hold a reconnect storm of thousands of connections.
_BACKLOG = 4096
_INTERRUPTED = 130


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket. Raises OSError if the address is in use or is not one of this machine."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def serve_one(
    settings: Settings,
    listening: socket.socket,
    ready: Callable[[], None] = lambda: None,
    *,
    ssl_context: ssl.SSLContext | None = None,
) -> int:
    """Serve in this process until SIGINT or SIGTERM, and return the exit code. Calls `ready` once it serves."""
    simulator = Simulator(settings, MemorySecretStore())
    return _exit_code(trio.run(_serve, simulator, listening, ssl_context, ready, None))


def _exit_code(signal_number: int | None) -> int:
    return _INTERRUPTED if signal_number == signal.SIGINT else 0


def serve_many(
    settings: Settings,
    listening: socket.socket,
    workers: int,
    ready: Callable[[], None],
    *,
    ssl_context: ssl.SSLContext | None = None,
) -> int:
    """Serve in several processes until a signal, and return the exit code. If one worker ends, all end.

    It installs signal handlers and does not restore the previous ones, so call it in a process of its own.
    """
    with tempfile.TemporaryDirectory(prefix="sherpa-sim-") as folder:
        alive, held = os.pipe()
        children = [_start_worker(settings, listening, ssl_context, Path(folder), alive, held) for _ in range(workers)]
        received: list[int] = []

        def stop(number: int, _frame: object) -> None:
            received.append(number)
            _stop(children)

        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, stop)
        ready()
        status = _first_end(children)
        _stop(children)
        for child in children:
            _reap(child)
        if received:
            return _exit_code(received[0])
        code = os.waitstatus_to_exitcode(status)
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        sys.stderr.write(f"a worker process ended unexpectedly ({how}); stopping the other workers\n")
        return 1


def _first_end(children: list[int]) -> int:
    """Wait until one of the workers ends. Other children may be there, orphans of a container for example, and end."""
    while True:
        child, status = os.wait()
        if child in children:
            return status


def _start_worker(
    settings: Settings,
    listening: socket.socket,
    ssl_context: ssl.SSLContext | None,
    folder: Path,
    alive: int,
    held: int,
) -> int:
    """Fork a worker. `alive` and `held` are the ends of a pipe that only the parent holds open.

    When the parent ends, even if it is killed, the pipe closes and the worker stops.
    """
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.close(held)
        trio.run(_serve, Simulator(settings, FolderSecretStore(folder)), listening, ssl_context, lambda: None, alive)
        code = 0
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BaseException:  # noqa: BLE001 - the process ends here and must print the reason
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


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


async def _serve(
    simulator: Simulator,
    listening: socket.socket,
    ssl_context: ssl.SSLContext | None,
    ready: Callable[[], None],
    alive: int | None,
) -> int | None:
    """Serve until a signal and return it, or until the pipe `alive` closes and return None."""
    received: int | None = None
    listener: trio.abc.Listener[Any] = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
    if ssl_context is not None:
        listener = trio.SSLListener(listener, ssl_context, https_compatible=True)
    async with trio.open_nursery() as nursery:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            nursery.start_soon(trio.serve_listeners, simulator.serve_stream, [listener])
            if alive is not None:
                nursery.start_soon(_until_orphaned, alive, nursery.cancel_scope)
            ready()
            async for number in signals:
                received = number
                nursery.cancel_scope.cancel()
                break
    return received


async def _until_orphaned(alive: int, scope: trio.CancelScope) -> None:
    """Cancel the scope when the pipe closes, which means that the parent has ended."""
    await trio.lowlevel.wait_readable(alive)
    scope.cancel()
