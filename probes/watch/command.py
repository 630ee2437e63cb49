"""What `sherpa-probe watch` does around its loop: settings, signals, HTTP server, output lines and exit code.

Exit codes: 1 if any run failed, else 3 if a check couldn't run, else 0; 130 after Ctrl-C. SIGTERM ends the watch like
its count does, with the exit code of the runs. Each run's line is written before the next run starts; the last line
has totals.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from bridge.config.resolve import Flags, read_config
from probes.runner.command import check_simulation
from probes.runner.interrupts import INTERRUPTS
from probes.runner.logs import redirect_logs
from probes.runner.redaction import Secrets
from probes.runner.subject import OpenerInput
from probes.runner.usage import UsageError, find_usage_error
from probes.targets.opening import service_opener
from probes.watch.http import ListenAddress, WatchServer, parse_listen
from probes.watch.lines import OutputClosedError, end_document, end_line, run_document, run_line
from probes.watch.loop import WatchResult, WatchTally, watch
from probes.watch.modules import DEFAULT_TARGET, MODULES, ModuleSettings, check_modules, named_targets
from probes.watch.notify import VerdictNotifier, secret_part, webhook_from
from reports.model import EXIT_INTERRUPTED
from reports.provenance import current_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from probes.targets.service import ServiceTarget

#: Limits on the seconds between runs: a shorter interval would be a load test.
MIN_INTERVAL, MAX_INTERVAL = 1.0, 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """The options of `sherpa-probe watch` as they were typed; `run_watch` checks them."""

    flags: Flags = field(default_factory=Flags)
    simulate: str | None = None
    """A scenario of the embedded simulator, which runs until the watch ends."""
    modules: tuple[str, ...] = ("access",)
    every: float = 60.0
    """Seconds from the start of one run to the start of the next."""
    count: int | None = None
    """Number of runs; None runs until interrupted."""
    listen: str | None = None
    """`HOST:PORT` of the HTTP server; None for no server."""
    targets: tuple[str, ...] = ()
    """`NAME=URL`: more targets for `/probe`, with the same key and settings."""
    require: tuple[str, ...] = ()
    warn_days: int = 60
    script: str = "text"
    notify: str | None = None
    """The URL of a webhook to tell changes of the verdict."""
    notify_env: str | None = None
    """The name of the environment variable that holds the URL."""
    json: bool = False
    strict: bool = False
    verbose: bool = False


def run_watch(
    options: WatchOptions,
    environment: Mapping[str, str],
    *,
    write_line: Callable[[str], None],
    write_note: Callable[[str], None] = lambda _: None,
    folder: Path | None = None,
) -> int:
    """Watch until the count is reached or a signal ends it, and return the exit code.

    `write_line` writes each line to stdout (`line_writer` makes it). If it raises OutputClosedError, the watch ends
    normally; any other exception ends the watch and is passed on. `write_note` writes to stderr. Raises UsageError and
    ConfigError before anything is sent.
    """
    listen = _checked(options)
    webhook = webhook_from(options.notify, options.notify_env, environment)
    with INTERRUPTS.holding():
        with INTERRUPTS.raising():
            config = read_config(options.flags, environment, folder or Path(), with_key=options.simulate is None)
        secrets = Secrets(config.secrets())
        if webhook is not None:
            secrets.add(secret_part(webhook))
        opened = service_opener().prepare(
            OpenerInput(
                config=config,
                environment=environment,
                secrets=secrets,
                on_progress=_ignore_progress,
                scenario=options.simulate,
            )
        )
        more = named_targets(options.targets, config, environment)
        notifier = None if webhook is None else VerdictNotifier(webhook=webhook, secrets=secrets, note=write_note)
        watching = _Watching(options, write_line, write_note, notifier)
        with redirect_logs(secrets, show=options.verbose):
            trio.run(partial(watching.go, opened, more, listen))
        return watching.finished()


def _checked(options: WatchOptions) -> ListenAddress | None:
    """Check the options before anything else is done. Raises UsageError."""
    check_modules(options.modules)
    check_simulation(options.simulate, options.flags)
    if not math.isfinite(options.every) or not MIN_INTERVAL <= options.every <= MAX_INTERVAL:
        raise UsageError(f"--every must be {MIN_INTERVAL:g} to {MAX_INTERVAL:.0f} seconds")
    if options.count is not None and options.count < 1:
        raise UsageError("--count must be 1 or more")
    if options.targets and options.simulate is not None:
        raise UsageError("--target names a real service: it can't be combined with --simulate")
    if options.targets and options.listen is None:
        raise UsageError("--target is for /probe: it needs --listen HOST:PORT")
    return None if options.listen is None else parse_listen(options.listen)


def _ignore_progress(_: str) -> None:
    """Ignore progress: a watch shows lines instead."""


class _Watching:
    """One watch, from the first run to the last line."""

    def __init__(
        self,
        options: WatchOptions,
        write_line: Callable[[str], None],
        write_note: Callable[[str], None],
        notifier: VerdictNotifier | None,
    ) -> None:
        self._options, self._notifier = options, notifier
        self._write_line, self._write_note = write_line, write_note
        self._tally = WatchTally()
        self._wanted = ModuleSettings(
            require=options.require, warn_days=options.warn_days, script=options.script, verbose=options.verbose
        )
        self._scope = trio.CancelScope()
        self._write_error: Exception | None = None
        """The exception that stopped a line from being written."""

    async def go(
        self,
        opened: Callable[[], AbstractAsyncContextManager[ServiceTarget]],
        more: Mapping[str, ServiceTarget],
        listen: ListenAddress | None,
    ) -> None:
        """Watch until the end. Ctrl-C and SIGTERM cancel the current run and close its connections."""
        token = trio.lowlevel.current_trio_token()

        def stop() -> None:
            token.run_sync_soon(self._scope.cancel, idempotent=True)

        with INTERRUPTS.calling(stop), self._scope:
            try:
                async with trio.open_nursery() as nursery, opened() as target:
                    nursery.start_soon(self._end_on_sigterm)
                    if listen is not None:
                        await self._listen(nursery, {DEFAULT_TARGET: target, **more}, listen)
                    if self._notifier is not None:
                        nursery.start_soon(self._notifier.deliver)
                    await self._loop(target)
                    if self._notifier is not None:
                        await self._notifier.finish()
                    nursery.cancel_scope.cancel()
            except ExceptionGroup as group:
                usage = find_usage_error(group)
                if usage is None:
                    raise
                raise usage from None

    async def _loop(self, target: ServiceTarget) -> None:
        options = self._options
        await watch(
            lambda: self._wanted.make_run(target, options.modules),
            interval=options.every,
            tally=self._tally,
            on_result=self._write_result,
            count=options.count,
            strict=options.strict,
        )

    async def _listen(self, nursery: trio.Nursery, targets: Mapping[str, ServiceTarget], listen: ListenAddress) -> None:
        desk = WatchServer(
            targets=targets,
            modules=tuple(MODULES),
            make_run=self._wanted.make_run,
            tally=self._tally,
            interval=self._options.every,
            began=time.time(),
            strict=self._options.strict,
            local_only=listen.is_loopback,
        )
        host, port = await nursery.start(desk.serve, listen)
        self._write_note(f"listening on http://{f'[{host}]' if ':' in host else host}:{port}/")
        if not listen.is_loopback:
            self._write_note(
                "anyone who can reach this address can start runs at your cost: protect it with a firewall"
            )

    async def _end_on_sigterm(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread receives signals
        with trio.open_signal_receiver(signal.SIGTERM) as received:
            await anext(received)
            self._scope.cancel()

    def _write_result(self, done: WatchResult) -> None:
        if self._notifier is not None:
            self._notifier.offer(done)
        self._write(run_document(done) if self._options.json else run_line(done))

    def _write(self, line: str) -> None:
        try:
            self._write_line(line)
        except Exception as error:  # noqa: BLE001 - raised at the end, when nothing runs anymore
            self._write_error = error
            self._scope.cancel()

    def finished(self) -> int:
        """Write the last line and return the exit code. Raises what `write_line` raised."""
        if self._write_error is None:
            self._write((end_document if self._options.json else end_line)(self._tally, current_time()))
        if self._write_error is not None and not isinstance(self._write_error, OutputClosedError):
            raise self._write_error
        return EXIT_INTERRUPTED if INTERRUPTS.received else self._tally.exit_code
