"""What `sherpa-probe record` does around its proxy: options, signals, the listening port and the exit code.

Exit codes: 0 once `--count` connections are recorded, or after SIGTERM; 130 after Ctrl-C; 2 for wrong options; 3 if it
can't listen. Files of connections that are open then are completed.
"""

from __future__ import annotations

import json
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import trio

from bridge.transport.http_server import serve_tcp
from probes.record.files import RecordingFiles
from probes.record.proxy import RecordingProxy
from probes.runner.interrupts import INTERRUPTS
from probes.runner.logs import redirect_logs
from probes.runner.redaction import Secrets
from probes.runner.usage import UsageError
from probes.watch.http import parse_listen
from reports.model import EXIT_COULD_NOT_RUN, EXIT_INTERRUPTED, EXIT_OK
from reports.store.writer import CannotWriteError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from probes.watch.http import ListenAddress

_SCHEMES = frozenset({"http", "https", "ws", "wss"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """The options of `sherpa-probe record` as they were typed; `run_record` checks them."""

    listen: str
    to: str
    out: Path
    count: int | None = None
    """Stop after this many connections; None runs until interrupted."""
    show_content: bool = False


def run_record(
    options: RecordOptions, *, write_note: Callable[[str], None], write_result: Callable[[str], None] | None = None
) -> int:
    """Record until the count is reached or a signal ends it, and return the exit code. Raises UsageError.

    `write_note` writes a line to stderr; `write_result`, if given, writes one JSON document with the files.
    """
    address, files = _checked(options)
    recording = _Recording(options, files, write_note)
    with INTERRUPTS.holding(), redirect_logs(recording.secrets, show=False):
        try:
            code = trio.run(recording.run, address)
        finally:
            files.discard()
    if write_result is not None:
        made = [{"file": str(file.path), "frames": file.frames, "cut": file.lost or None} for file in files.made]
        write_result(json.dumps({"recordings": made, "exit_code": code}) + "\n")
    return code


def _checked(options: RecordOptions) -> tuple[ListenAddress, RecordingFiles]:
    address = parse_listen(options.listen)
    try:
        parts = urlsplit(options.to)
        valid = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.query:
        raise UsageError(f"--to: {options.to!r} is no URL of a server; for example: https://api.openai.com/v1")
    if options.count is not None and options.count < 1:
        raise UsageError("--count must be 1 or more")
    files = RecordingFiles(options.out)
    try:
        files.check()
    except CannotWriteError as error:
        raise UsageError(f"--out: {error}") from None
    return address, files


class _Recording:
    """One run of the proxy."""

    def __init__(self, options: RecordOptions, files: RecordingFiles, write_note: Callable[[str], None]) -> None:
        self._options, self._files, self._write_note = options, files, write_note
        self.secrets = Secrets()
        self._scope = trio.CancelScope()
        self._recorded = 0

    async def run(self, address: ListenAddress) -> int:
        token = trio.lowlevel.current_trio_token()

        def stop() -> None:
            token.run_sync_soon(self._scope.cancel, idempotent=True)

        proxy = RecordingProxy(
            target=self._options.to,
            files=self._files,
            secrets=self.secrets,
            show_content=self._options.show_content,
            on_note=self._note,
            on_recorded=self._count,
        )
        try:
            with INTERRUPTS.calling(stop), self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._end_on_sigterm)
                    host, port = await nursery.start(_serve, proxy, address)
                    shown = f"[{host}]" if ":" in host else host
                    self._note(f"recording what passes from {shown}:{port} to {self._options.to}; stop with Ctrl-C")
        except OSError as error:
            self._note(f"can't listen on {self._options.listen}: {error.strerror or error}")
            return EXIT_COULD_NOT_RUN
        return EXIT_INTERRUPTED if INTERRUPTS.received else EXIT_OK

    def _note(self, line: str) -> None:
        self._write_note(self.secrets.redact(line))

    def _count(self) -> None:
        self._recorded += 1
        if self._recorded == self._options.count:
            self._scope.cancel()

    async def _end_on_sigterm(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread receives signals
        with trio.open_signal_receiver(signal.SIGTERM) as received:
            await anext(received)
            self._scope.cancel()


async def _serve(
    proxy: RecordingProxy,
    address: ListenAddress,
    *,
    task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
) -> None:
    await serve_tcp(
        http=proxy.http, websocket=proxy.websocket, host=address.host, port=address.port, task_status=task_status
    )
