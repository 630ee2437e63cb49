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
_CLOSE_OPCODE = 8


class PreflightError(Exception):
    """The target can't be called: the problem, and what was observed."""

    def __init__(self, problem: Problem, observed: str) -> None:
        super().__init__(f"{problem.title}: {observed}")
        self.problem, self.observed = problem, observed


def check_target(plan: RunPlan, seconds: float = PREFLIGHT_SECONDS) -> None:
    """Raise PreflightError if a caller could not connect."""
    import websocket  # noqa: PLC0415 - the import takes 100 ms, which --help and usage errors need not wait for

    protocol = protocol_for(plan.groups[0].behaviour)
    address = protocol.endpoint_url(plan.url, plan.model)
    timer = threading.Timer(2 * seconds, lambda: None)  # not started
    socket_: Any = websocket.WebSocket()
    try:
        stream = _dial(address, seconds)
        timer = _shutdown_after(2 * seconds, stream)  # each read has its own timeout; this one limits all of them
        socket_.connect(address, header=list(plan.headers), socket=stream, suppress_origin=True, redirect_limit=0)
        opcode, data = socket_.recv_data()
    except websocket.WebSocketBadStatusException as error:
        raise PreflightError(problems.TARGET_REFUSED, str(UpgradeRefused(error.status_code))) from None
    except (OSError, ValueError, websocket.WebSocketException) as error:
        redirect = upgrade_refusal(socket_)
        if redirect is not None:
            raise PreflightError(problems.TARGET_REFUSED, str(redirect)) from None
        prefix = "after the socket opened: " if socket_.connected else ""
        reason = (
            describe_error(TimeoutError(), 2 * seconds) if timer.finished.is_set() else describe_error(error, seconds)
        )
        raise PreflightError(problems.TARGET_DOWN, f"{prefix}{reason}") from None
    finally:
        timer.cancel()
        socket_.shutdown()
    if opcode == _CLOSE_OPCODE:
        raise PreflightError(
            problems.TARGET_REFUSED, f"the socket was closed right after it opened, {_close_code(data)}"
        )
    event = protocol.decode(data.decode(errors="replace"))
    if isinstance(event, ErrorEvent):
        raise PreflightError(problems.TARGET_REFUSED, f"the first message is an error: {event.code[:100]}")


def _dial(address: str, seconds: float) -> socket.socket:
    """Connect without a proxy, as the callers do."""
    parts = urlsplit(address)
    is_tls, host = parts.scheme == "wss", parts.hostname or ""
    stream = socket.create_connection((host, parts.port or (443 if is_tls else 80)), timeout=seconds)
    try:
        return ssl.create_default_context().wrap_socket(stream, server_hostname=host) if is_tls else stream
    except BaseException:
        stream.close()
        raise


def _shutdown_after(seconds: float, stream: socket.socket) -> threading.Timer:
    def cut() -> None:
        with suppress(OSError):  # already closed
            stream.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    return timer


def _close_code(data: bytes) -> str:
    return str(int.from_bytes(data[:2], "big")) if len(data) > 1 else "without a close code"
