"""One knock at the target's door before a crowd is sent: is anybody there, and does he let a caller in? No gevent.

It opens one socket as a caller does and waits for the first frame. That much is enough to tell a wrong address, path
or token apart from a target that fails under load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtests import problems
from loadtests.lines import line_for
from loadtests.plainly import UpgradeRefused, why
from loadtests.signals import Complaint

if TYPE_CHECKING:
    from loadtests.plan import Plan
    from loadtests.problems import Problem

KNOCK_SECONDS = 5.0
_CLOSE = 8


class KnockError(Exception):
    """The door stays shut: which problem that is, and what was seen."""

    def __init__(self, known: Problem, seen: str) -> None:
        super().__init__(f"{known.title}: {seen}")
        self.known, self.seen = known, seen


def knock(plan: Plan, seconds: float = KNOCK_SECONDS) -> None:
    """Raise KnockError where no caller would get in."""
    import websocket  # noqa: PLC0415 - 100 ms that --help and wrong usage have not

    line = line_for(plan.groups[0].behaviour)
    address = line.address(plan.url, plan.model)
    try:
        link = websocket.create_connection(
            address, timeout=seconds, header=list(plan.headers), suppress_origin=True, http_no_proxy=["*"]
        )
    except websocket.WebSocketBadStatusException as error:
        raise KnockError(problems.TARGET_REFUSED, str(UpgradeRefused(error.status_code))) from None
    except (OSError, websocket.WebSocketException) as error:
        raise KnockError(problems.TARGET_DOWN, why(error, seconds)) from None
    try:
        opcode, data = link.recv_data()
    except (OSError, websocket.WebSocketException) as error:
        raise KnockError(problems.TARGET_DOWN, f"the socket opens, and then: {why(error, seconds)}") from None
    finally:
        link.shutdown()  # type: ignore[no-untyped-call]  # websocket-client has no types
    if opcode == _CLOSE:
        raise KnockError(problems.TARGET_REFUSED, f"the socket opens and is closed at once, {_code(data)}")
    signal = line.read(data.decode(errors="replace"))
    if isinstance(signal, Complaint):
        raise KnockError(problems.TARGET_REFUSED, f"the first frame is an error: {signal.code[:100]}")


def _code(data: bytes) -> str:
    return str(int.from_bytes(data[:2], "big")) if len(data) > 1 else "without a code"
