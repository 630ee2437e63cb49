"""One process of a bridge: it listens, serves, drains at the first signal and stops at the second."""

from __future__ import annotations

import gc
import os
import resource
import signal
import socket
import sys
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from bridge.config.tls import load_certificate, tls_context
from bridge.server.assembly import (
    configured_secrets,
    make_bridge,
    make_connector,
    make_driver_settings,
    make_pool,
    upstream_from_config,
)
from bridge.server.http.admin import AdminServer
from bridge.server.page.simulator_panel import HttpSimulatorControl
from bridge.server.process.balance import BalancedListener, WorkerLoads
from bridge.server.process.load_watch import watch_load
from bridge.server.process.signals import RELOAD, logged_reload
from bridge.server.process.systemd import ServiceManager
from bridge.server.process.watchdog import BEAT_SECONDS
from bridge.server.shared_numbers import SharedNumbers
from bridge.telemetry.log import Log, LogFormat

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager

    from bridge.server.app import Bridge
    from bridge.server.assembly import SharedState
    from bridge.server.config.settings import BridgeSettings
    from bridge.server.process.worker_metrics import WorkerSnapshots
    from bridge.upstream.service import UpstreamService

    UpstreamFactory = Callable[[], AbstractAsyncContextManager[UpstreamService]]

#: The listen backlog: many clients may reconnect at once, and the listener must not drop them.
_BACKLOG: Final = 4096
#: For closing the last sessions after the drain time.
CLOSE_SECONDS: Final = 3.0
#: After how many new objects the youngest are collected, and after how many such collections the middle and the old
#: ones (`gc.set_threshold`): old ones after 30 million.
_COLLECT_AFTER: Final = (1_000, 3, 10_000)


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket; `::` stands for all addresses, also those of IPv4.

    Raises OSError if the address is in use or can't be bound.
    """
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    everywhere = host == "::" and socket.has_dualstack_ipv6()
    return socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=everywhere)


def open_standard_descriptors() -> None:
    """Open those of stdin, stdout and stderr that were closed at the start, on nothing.

    Else the first sockets got their numbers, and what is written to stderr went to a client. Call it before anything is
    opened.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free


def raise_file_limit() -> None:
    """Raise the limit of open files to the hard limit: each client needs two."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):
        return


def tame_garbage_collection() -> None:
    """Make Python's garbage collector stop the sessions for no longer than a few milliseconds.

    A full collection looks at every object: with a thousand sessions, for hundreds of milliseconds. No session is left
    to it, since none is part of a cycle of references when it is over (a test looks). So young objects are looked at
    often, old ones hardly ever, and those that exist at the start never: modules and tables live as long as the
    process. Called before workers are forked, it also lets them share that memory.
    """
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def configured_upstream(settings: BridgeSettings) -> UpstreamFactory:
    """Return the configured upstream as the factory that a worker expects."""

    @asynccontextmanager
    async def opened() -> AsyncGenerator[UpstreamService, None]:
        yield upstream_from_config(settings.upstream)

    return opened


async def serve_worker(
    settings: BridgeSettings,
    listening: socket.socket,
    open_upstream: UpstreamFactory,
    *,
    admin: socket.socket | None = None,
    log: Log,
    shared: SharedState | None = None,
    reload: Callable[[], BridgeSettings] | None = None,
    snapshots: WorkerSnapshots | None = None,
    loads: WorkerLoads | None = None,
    manager: ServiceManager | None = None,
    signals: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM),
    ready: Callable[[], None] = lambda: None,
) -> signal.Signals:
    """Serve until one of `signals` and return it; the first one drains, a second one stops at once.

    `ready` is called when clients may connect. `reload` reads the settings again, at SIGHUP. With `snapshots`, the
    worker writes its metrics for the other workers; with `loads`, it says that it runs, and shares connections with
    them. `admin` is the listening socket of health and metrics, if they have one. `manager` is told what happens.
    """
    manager = manager or ServiceManager()
    loads = loads or WorkerLoads(SharedNumbers(1), SharedNumbers(1), 0)
    context = _tls_context(settings)

    async with open_upstream() as upstream, trio.open_nursery() as nursery:
        connector = make_connector(settings, upstream)
        pool = make_pool(settings, connector, log)
        if pool is not None:
            pool.start(nursery)
        simulator = (
            None if settings.simulate is None else HttpSimulatorControl(upstream, settings.simulate, settings.workers)
        )
        bridge = make_bridge(settings, pool or connector, log, shared, simulator=simulator)
        with trio.open_signal_receiver(*signals) as received:
            serve = partial(_serve_counted, bridge, loads)
            nursery.start_soon(
                trio.serve_listeners, serve, [_over_tls(BalancedListener(_plain(listening), loads), context)]
            )
            if admin is not None:
                token = settings.admin.token if settings.admin else None
                monitoring = AdminServer(bridge.monitor, token, bridge.on_error)
                nursery.start_soon(trio.serve_listeners, monitoring.serve_stream, [_over_tls(_plain(admin), context)])
            nursery.start_soon(_report, bridge, snapshots, loads, manager)
            await nursery.start(bridge.run_fallback)
            nursery.start_soon(watch_load, bridge.shedding)
            if reload is not None:
                await nursery.start(_reload_at_signal, settings, reload, bridge, context, log, manager)
            ready()
            first = signal.Signals(await anext(received))
            manager.stopping()
            bridge.drain()
            nursery.start_soon(_stop_when_empty, bridge, settings.drain_seconds, nursery.cancel_scope)
            await anext(received)
            nursery.cancel_scope.cancel()
    bridge.report_end()
    return first


def _tls_context(settings: BridgeSettings) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return tls_context(settings.tls_cert, settings.tls_key)


def _plain(listening: socket.socket) -> trio.SocketListener:
    return trio.SocketListener(trio.socket.from_stdlib_socket(listening))


def _over_tls(
    listener: trio.abc.Listener[trio.SocketStream], context: ssl.SSLContext | None
) -> trio.abc.Listener[trio.abc.Stream]:
    return listener if context is None else trio.SSLListener(listener, context, https_compatible=True)


async def _serve_counted(bridge: Bridge, loads: WorkerLoads, stream: trio.abc.Stream) -> None:
    try:
        await bridge.serve_stream(stream)
    finally:
        loads.ended()


async def _reload_at_signal(
    settings: BridgeSettings,
    reload: Callable[[], BridgeSettings],
    bridge: Bridge,
    context: ssl.SSLContext | None,
    log: Log,
    manager: ServiceManager,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Read the settings again at each SIGHUP. Calls that run go on, by the rules that they began with."""
    with trio.open_signal_receiver(RELOAD) as received:
        task_status.started()
        async for _ in received:
            with logged_reload(log, manager):
                fresh = settings.reloaded(reload())
                if context is not None and fresh.tls_cert is not None and fresh.tls_key is not None:
                    load_certificate(context, fresh.tls_cert, fresh.tls_key)
                log.hide_also(configured_secrets(fresh))
                bridge.apply(fresh.clients, make_driver_settings(fresh))


async def _stop_when_empty(bridge: Bridge, drain_seconds: float, scope: trio.CancelScope) -> None:
    with trio.move_on_after(drain_seconds + CLOSE_SECONDS):
        await bridge.wait_empty()
    scope.cancel()


async def _report(
    bridge: Bridge, snapshots: WorkerSnapshots | None, loads: WorkerLoads, manager: ServiceManager
) -> None:
    """Tell parent and service manager that this worker runs, and the other workers its metrics."""
    while True:
        manager.beat()
        loads.beat()
        if snapshots is not None:
            snapshots.write(bridge.snapshot())
        await trio.sleep(BEAT_SECONDS)


def make_log(settings: BridgeSettings, *, terminal: bool) -> Log:
    """Return the log that the settings describe: JSON on stdout, for programs that read it, and text on stderr."""
    log_format = settings.log_format or (LogFormat.CONSOLE if terminal else LogFormat.JSON)
    stream = sys.stdout if log_format is LogFormat.JSON else sys.stderr
    return Log(stream, log_format=log_format, level=settings.log_level, secrets=configured_secrets(settings))
