"""Does a running bridge work, end to end? Connects as a client does, speaks, listens, errs, and says goodbye.

Anybody's bridge: what is looked at is what its clients see, at the client protocol's door or at a native one. The rows
stand on each other; what stands behind a failed one is skipped. A healthy visit takes two short sessions upstream and
some six seconds, two of them for the errors' window.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from probes.bridge import errors, native
from probes.bridge.checks import row
from probes.bridge.close import (
    again_late,
    close_late,
    create_again,
    end_late,
    end_session,
    hang_up,
    judge_fields,
    judge_stamps,
)
from probes.bridge.connect import (
    ask_for_health,
    connect,
    connect_late,
    health_late,
    look_up_name,
    name_late,
    open_socket,
    upgrade_late,
    without_echo,
)
from probes.bridge.context import BridgeVisit
from probes.bridge.session import be_greeted, create, greeting_late, ping, pong_late, session_late
from probes.bridge.turn import (
    judge_early,
    judge_events,
    judge_tracer,
    listen,
    listen_late,
    never_late,
    speak,
    speak_late,
)
from probes.runner.checks import run_checks
from probes.targets.bridge import Door
from reports.model import Metric, Timeline

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping

    from probes.runner.checks import Check
    from probes.runner.registry import Told
    from probes.targets.bridge import BridgeTarget

#: Names, TCP and the like answer within one time-out or not at all.
_AT_ONCE = 1.0

_WAY = (
    row("name", look_up_name, name_late, without="no address", longest=_AT_ONCE),
    row("tcp, tls", connect, connect_late, without="no connection", needs=("name",), longest=_AT_ONCE),
    row("health", ask_for_health, health_late, without="no health", needs=("tcp, tls",), longest=_AT_ONCE),
    row("upgrade", open_socket, upgrade_late, without="no upgrade", needs=("tcp, tls",), longest=_AT_ONCE),
)
_TALK = (
    row("speech in", speak, speak_late, without="no turn was taken", needs=("session",)),
    row("speech out", listen, listen_late, without="no answer", needs=("speech in",)),
    row("early speech", judge_early, never_late, without="no account", needs=("speech out",), timed=False),
    row("tracer", judge_tracer, never_late, without="no account", needs=("speech out",), timed=False),
)

#: The rows of each door, in order.
ROWS: Mapping[Door, tuple[Check[BridgeVisit], ...]] = {
    Door.CLIENT: (
        *_WAY,
        row("connected", be_greeted, greeting_late, without="no greeting", needs=("upgrade",), longest=_AT_ONCE),
        row("ping", ping, pong_late, without="no pong", needs=("connected",), longest=_AT_ONCE),
        row("session", create, session_late, without="no session", needs=("connected",), longest=8.0),
        *_TALK,
        row("events", judge_events, never_late, without="no events", needs=("speech in",), timed=False),
        row("errors", errors.provoke, errors.errors_late, without="no error", needs=("speech out",)),
        row("end", end_session, end_late, without="no end", needs=("session",)),
        row("again", create_again, again_late, without="no second session", needs=("end", "speech out")),
        row("timestamps", judge_stamps, never_late, without="no time", needs=("connected",), timed=False),
        row("fields", judge_fields, never_late, without="no fields", needs=("connected",), timed=False),
        row("close", hang_up, close_late, without="no close", needs=("connected",)),
    ),
    Door.NATIVE: (
        *_WAY,
        row(
            "session",
            native.begin,
            native.begin_late,
            without="no session",
            needs=("upgrade",),
            longest=12,
        ),
        *_TALK,
        row("errors", native.provoke, native.errors_late, without="no error", needs=("speech out",)),
        row("close", hang_up, close_late, without="no close", needs=("session",)),
    ),
}


async def bridge(target: BridgeTarget) -> AsyncGenerator[Told, None]:
    """Look at all rows; then tell what was measured and what was said. Holds nothing open at its end."""
    visit, health = BridgeVisit(target), None
    try:
        checks = run_checks("bridge", ROWS[target.door], visit, timeout=math.inf, doing=target.doing)
        async for finding in checks:
            if finding.check == "health":
                health = finding  # until it is known whether anything answers at all
                continue
            if health is not None:
                yield without_echo(health, finding)
                health = None
            yield finding
    finally:
        await visit.aclose()
    for metric in _measured(visit):
        yield metric
    if visit.moments:
        yield Timeline("bridge", tuple(visit.moments))


def _measured(visit: BridgeVisit) -> Iterator[Metric]:
    spans = {
        "connect": visit.connect_seconds,
        "ready": visit.seconds_between("create", "ready"),
        "first_audio": visit.seconds_between("spoken", "audio"),
    }
    for name, seconds in spans.items():
        if seconds is not None and seconds >= 0:
            yield Metric(f"bridge_{name}_seconds", seconds)
    count = visit.counted()
    if count is not None and visit.answer_ms:
        yield Metric("bridge_lost_ms", count.lost_ms)
        yield Metric("bridge_repeated_ms", count.repeated_ms)
        yield Metric("bridge_reordered_ms", count.reordered_ms)
