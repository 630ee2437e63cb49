"""Events that the API refuses, and whether a server refuses them: the script `errors` sends them, one after another.

A server that takes them in silence hides mistakes of its clients: code for errors that was tested against it was not
tested. Behind each invalid event the script sends a valid one and waits for its confirmation. An error that hasn't
come by then doesn't come.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from probes.conversation.result import SessionCheckResult
from probes.problems import events as problems
from probes.runner.findings import CheckRow, evidence_of, headline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.conversation.result import ConversationResult


@dataclass(frozen=True, slots=True)
class InvalidEvent:
    """One event that the API answers with an error."""

    name: str
    """The value is part of capture files."""
    event: Mapping[str, Any]
    code: str
    """What the API's error says; `invalid_request_error` if it has no code of its own."""
    is_harmless: bool = False
    """Whether a bridge may keep the error from its client, because it only means that two messages crossed."""


INVALID_EVENTS: Final = (
    InvalidEvent("an unknown event", {"type": "sherpa.unknown"}, "invalid_request_error"),
    InvalidEvent("a cancel without a response", {"type": "response.cancel"}, "response_cancel_not_active", True),
    # The last one: where it is accepted it adds an item, which would be taken for the confirmation of the next event.
    InvalidEvent("a commit without audio", {"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty"),
)
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
