"""The probe `bridge`: checks whether a running bridge works, end to end.

Connects to any bridge as a client does, at its client endpoint or its native endpoint: sends speech, receives the
response, sends invalid messages, and closes. A check that needs a failed one is skipped. On a healthy bridge a run
takes two short upstream sessions and about six seconds, two of which check the limit on error messages.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from probes.bridge import errors, native
from probes.bridge.checks import bridge_check
from probes.bridge.close import (
    check_fields,
    check_timestamps,
    close_socket,
    close_timed_out,
    create_second_session,
    end_session,
    end_timed_out,
    second_session_timed_out,
)
from probes.bridge.connect import (
    check_health,
    connect,
    connect_timed_out,
    health_timed_out,
    name_timed_out,
    open_websocket,
    resolve_name,
    upgrade_timed_out,
    without_duplicate,
)
from probes.bridge.context import BridgeContext
from probes.bridge.session import (
    await_greeting,
    check_ping,
    create_session,
    greeting_timed_out,
    pong_timed_out,
    session_timed_out,
)
from probes.bridge.turn import (
    cannot_time_out,
    check_early_speech,
    check_events,
    check_tracer,
    receive_speech,
    send_speech,
    speech_in_timed_out,
    speech_out_timed_out,
)
from probes.bridge.unseen import unseen_rows
from probes.runner.checks import run_checks
from probes.targets.bridge import EndpointKind
from reports.model import ReportMetric, Timeline

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping

    from probes.runner.checks import Check
    from probes.runner.findings import ProbeItem
    from probes.targets.bridge import BridgeTarget

#: Checks that wait for a single response get one timeout.
_ONE_TIMEOUT = 1.0
#: A refused upgrade is looked into with a second request.
_TWO_TIMEOUTS = 2.0

_CONNECT_CHECKS = (
    bridge_check("name", resolve_name, name_timed_out, skip_reason="no address", max_timeouts=_ONE_TIMEOUT),
    bridge_check(
        "tcp, tls", connect, connect_timed_out, skip_reason="no connection", needs=("name",), max_timeouts=_ONE_TIMEOUT
    ),
    bridge_check(
        "health",
        check_health,
        health_timed_out,
        skip_reason="no health endpoints",
        needs=("tcp, tls",),
        max_timeouts=_ONE_TIMEOUT,
    ),
    bridge_check(
        "upgrade",
        open_websocket,
        upgrade_timed_out,
        skip_reason="no upgrade",
        needs=("tcp, tls",),
        max_timeouts=_TWO_TIMEOUTS,
    ),
)
_TURN_CHECKS = (
    bridge_check("speech in", send_speech, speech_in_timed_out, skip_reason="no turn", needs=("session",)),
    bridge_check("speech out", receive_speech, speech_out_timed_out, skip_reason="no response", needs=("speech in",)),
    bridge_check(
        "early speech",
        check_early_speech,
        cannot_time_out,
        skip_reason="no response",
        needs=("speech out",),
        timed=False,
    ),
    bridge_check(
        "tracer", check_tracer, cannot_time_out, skip_reason="no response", needs=("speech out",), timed=False
    ),
)

#: The checks of each endpoint, in order.
CHECKS: Mapping[EndpointKind, tuple[Check[BridgeContext], ...]] = {
    EndpointKind.CLIENT: (
        *_CONNECT_CHECKS,
        bridge_check(
            "connected",
            await_greeting,
            greeting_timed_out,
            skip_reason="no greeting",
            needs=("upgrade",),
            max_timeouts=_ONE_TIMEOUT,
        ),
        bridge_check(
            "ping", check_ping, pong_timed_out, skip_reason="no pong", needs=("connected",), max_timeouts=_ONE_TIMEOUT
        ),
        bridge_check(
            "session",
            create_session,
            session_timed_out,
            skip_reason="no session",
            needs=("connected",),
            max_timeouts=8.0,
        ),
        *_TURN_CHECKS,
        bridge_check(
            "events", check_events, cannot_time_out, skip_reason="no events", needs=("speech in",), timed=False
        ),
        bridge_check(
            "errors", errors.send_bad_messages, errors.errors_timed_out, skip_reason="no error", needs=("speech out",)
        ),
        bridge_check("end", end_session, end_timed_out, skip_reason="no end", needs=("session",)),
        bridge_check(
            "again",
            create_second_session,
            second_session_timed_out,
            skip_reason="no second session",
            needs=("end", "speech out"),
        ),
        bridge_check(
            "timestamps", check_timestamps, cannot_time_out, skip_reason="no time", needs=("connected",), timed=False
        ),
        bridge_check(
            "fields", check_fields, cannot_time_out, skip_reason="no fields", needs=("connected",), timed=False
        ),
        bridge_check("close", close_socket, close_timed_out, skip_reason="no close", needs=("connected",)),
    ),
    EndpointKind.NATIVE: (
        *_CONNECT_CHECKS,
        bridge_check(
            "session",
            native.open_session,
            native.session_timed_out,
            skip_reason="no session",
            needs=("upgrade",),
            max_timeouts=12,
        ),
        *_TURN_CHECKS,
        bridge_check(
            "errors", native.send_bad_message, native.errors_timed_out, skip_reason="no error", needs=("speech out",)
        ),
        bridge_check("close", close_socket, close_timed_out, skip_reason="no close", needs=("session",)),
    ),
}


async def bridge(target: BridgeTarget) -> AsyncGenerator[ProbeItem, None]:
    """Run all checks of the endpoint in order, list what they can't see, then yield metrics and the timeline.

    Closes its connection at the end, also when it is cancelled.
    """
    context, health = BridgeContext(target), None
    try:
        checks = run_checks(
            "bridge", CHECKS[target.endpoint_kind], context, timeout=math.inf, on_progress=target.on_progress
        )
        async for finding in checks:
            if finding.check == "health":
                health = finding  # held back until the upgrade shows whether the server responds at all
                continue
            if health is not None:
                yield without_duplicate(health, finding)
                health = None
            yield finding
    finally:
        await context.aclose()
    if "ready" in context.marks:
        for row in unseen_rows(target):
            yield row
    for metric in _measured(context):
        yield metric
    if context.moments:
        yield Timeline("bridge", tuple(context.moments))


def _measured(context: BridgeContext) -> Iterator[ReportMetric]:
    spans = {
        "connect": context.connect_seconds,
        "ready": context.seconds_between("create", "ready"),
        "first_audio": context.seconds_between("spoken", "audio"),
    }
    for name, seconds in spans.items():
        if seconds is not None and seconds >= 0:
            yield ReportMetric(f"bridge_{name}_seconds", seconds)
    count = context.tracer_count()
    if count is not None and context.answer_ms:
        yield ReportMetric("bridge_lost_ms", count.lost_ms)
        yield ReportMetric("bridge_repeated_ms", count.repeated_ms)
        yield ReportMetric("bridge_reordered_ms", count.reordered_ms)
