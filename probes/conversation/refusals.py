"""The check of the script `errors`: whether the server answers every invalid event with an error."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from probes.conversation.invalid_events import INVALID_EVENTS
from probes.conversation.result import SessionCheckResult
from probes.problems import events as problems
from probes.runner.findings import CheckRow, evidence_of, headline

if TYPE_CHECKING:
    from probes.conversation.result import ConversationResult

_BY_NAME: Final = {invalid.name: invalid for invalid in INVALID_EVENTS}
_ROW: Final = CheckRow("events", "refusals")


def check_refusals(result: ConversationResult) -> SessionCheckResult | None:
    """Every invalid event was answered with an error; None if the script sends none."""
    if not result.script.sends_invalid_events:
        return None
    sent = result.facts.invalid_sent
    if result.stopped_awaiting("event"):
        shown, which = headline("the event behind it is never confirmed"), evidence_of("invalid event", sent[-1][1])
        return SessionCheckResult(_ROW.problem(problems.UNANSWERED, shown, which), result.end_index)
    if len(sent) < len(INVALID_EVENTS):
        return SessionCheckResult(_ROW.skipped("the session ended earlier"), math.inf)
    accepted = [_BY_NAME[name] for name in _accepted(result)]
    if not accepted:
        return SessionCheckResult(_ROW.passed(f"{len(sent)} invalid events, an error for each"))
    evidence = (
        headline(f"no error for {', '.join(invalid.name for invalid in accepted)}"),
        *(evidence_of("the API says", f"{invalid.code} for {invalid.event['type']}") for invalid in accepted),
    )
    return SessionCheckResult(_ROW.problem(problems.NOT_REFUSED, *evidence))


def _accepted(result: ConversationResult) -> list[str]:
    """Name the invalid events with no error between them and the next one."""
    bounds = pairwise((*result.facts.invalid_sent, (result.end_index, "")))
    unanswered = [
        name for (sent, name), (end, _) in bounds if not any(sent < error.index < end for error in result.facts.errors)
    ]
    if result.header.via == "service":
        return unanswered
    return [name for name in unanswered if not _BY_NAME[name].is_harmless]
