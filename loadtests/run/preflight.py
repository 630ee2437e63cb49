"""The preflight check: connects once before the load starts. Needs no gevent.

It opens one socket as a caller does and waits for the first message. This distinguishes a wrong address, path or token
from a target that fails under load.
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from loadtests.callers.client_events import ErrorEvent
from loadtests.callers.connect_errors import UpgradeRefused, describe_error, upgrade_refusal
from loadtests.callers.protocols import protocol_for
from loadtests.results import problems

if TYPE_CHECKING:
    from loadtests.scenarios.plan import RunPlan
    from reports.problem import Problem

PREFLIGHT_SECONDS = 5.0
_CLOSE = 8


class PreflightError(Exception):
    """The target can't be called: the problem, and what was observed."""

    def __init__(self, known: Problem, seen: str) -> None:
        super().__init__(f"{known.title}: {seen}")
        self.problem, self.observed = known, seen


def check_target(plan: RunPlan, seconds: float = PREFLIGHT_SECONDS) -> None:
    """Raise PreflightError if a caller could not connect."""
    import websocket  # noqa: PLC0415 - 100 ms that --help and wrong usage have not

    line = protocol_for(plan.groups[0].behaviour)
    address = line.endpoint_url(plan.url, plan.model)
    until = threading.Timer(2 * seconds, lambda: None)  # not started
    link: Any = websocket.WebSocket()
    try:
        stream = _dialled(address, seconds)
        until = _cut_after(2 * seconds, stream)  # each read has its own timeout; this one limits all of them
        link.connect(address, header=list(plan.headers), socket=stream, suppress_origin=True, redirect_limit=0)
        opcode, data = link.recv_data()
    except websocket.WebSocketBadStatusException as error:
        raise PreflightError(problems.TARGET_REFUSED, str(UpgradeRefused(error.status_code))) from None
    except (OSError, ValueError, websocket.WebSocketException) as error:
        elsewhere = upgrade_refusal(link)
        if elsewhere is not None:
            raise PreflightError(problems.TARGET_REFUSED, str(elsewhere)) from None
        opened = "after the socket opened: " if link.connected else ""
        said = (
            describe_error(TimeoutError(), 2 * seconds) if until.finished.is_set() else describe_error(error, seconds)
        )
        raise PreflightError(problems.TARGET_DOWN, f"{opened}{said}") from None
    finally:
        until.cancel()
        link.shutdown()
    if opcode == _CLOSE:
        raise PreflightError(problems.TARGET_REFUSED, f"the socket was closed right after it opened, {_code(data)}")
    signal = line.decode(data.decode(errors="replace"))
    if isinstance(signal, ErrorEvent):
        raise PreflightError(problems.TARGET_REFUSED, f"the first message is an error: {signal.code[:100]}")


def _dialled(address: str, seconds: float) -> socket.socket:
    """Connect without a proxy, as the callers do."""
    parts = urlsplit(address)
    is_tls, host = parts.scheme == "wss", parts.hostname or ""
    stream = socket.create_connection((host, parts.port or (443 if is_tls else 80)), timeout=seconds)
    try:
        return ssl.create_default_context().wrap_socket(stream, server_hostname=host) if is_tls else stream
    except BaseException:
        stream.close()
        raise


def _cut_after(seconds: float, stream: socket.socket) -> threading.Timer:
    def cut() -> None:
        with suppress(OSError):  # already closed
            stream.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    return timer


def _code(data: bytes) -> str:
    return str(int.from_bytes(data[:2], "big")) if len(data) > 1 else "without a close code"
