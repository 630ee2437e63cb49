"""The script `errors`: a server that takes what the API refuses is named, and one that refuses it passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.simulator.settings import Settings
from probes.conversation.invalid_events import INVALID_EVENTS
from probes.recording.capture import CaptureEntry, SilentEnding
from tests.probes.conversation.session_builder import SessionBuilder, play_in_memory

if TYPE_CHECKING:
    from trio.testing import MockClock

    from probes.recording.capture import CaptureEnding
    from tests.probes.conversation.session_builder import ReportItems

NAMES = [invalid.name for invalid in INVALID_EVENTS]
WARNING = ("refusals", "EVENTS-NOT-REFUSED", "warning")


def judged(
    *refused: str, sent: int = len(INVALID_EVENTS), via: str = "service", ending: CaptureEnding | None = None
) -> ReportItems:
    """Judge a session in which these events were answered with an error."""
    session = SessionBuilder().ready()
    for name in NAMES[:sent]:
        marker = {"type": f"invalid: {name}"}
        session.add(CaptureEntry(at=len(session.entries) / 10, who="probe", event=marker))
        if name in refused:
            session.server("error", error={"type": "invalid_request_error", "code": None, "message": "No."})
        session.question(f"item_{len(session.entries)}")
    return session.judge("errors", via=via, ending=ending)


async def test_the_service_refuses_every_invalid_event(autojump_clock: MockClock) -> None:
    items = await play_in_memory(autojump_clock, "errors", settings=Settings())
    assert items.bad_outcomes() == []
    assert items.row("refusals").title == "3 invalid events, an error for each"


def test_a_server_that_takes_everything_is_named_with_what_the_api_says() -> None:
    items = judged()
    assert items.bad_outcomes() == [WARNING]
    seen = [evidence.value for evidence in items.row("refusals").evidence]
    assert seen[0] == "no error for an unknown event, a cancel without a response, a commit without audio"
    assert "input_audio_buffer_commit_empty for input_audio_buffer.commit" in seen


@pytest.mark.parametrize("accepted", NAMES)
def test_only_the_event_that_was_accepted_is_named(accepted: str) -> None:
    items = judged(*(name for name in NAMES if name != accepted))
    assert items.bad_outcomes() == [WARNING]
    assert items.row("refusals").evidence[0].value == f"no error for {accepted}"


def test_an_error_for_each_passes_and_is_no_error_of_the_session() -> None:
    assert judged(*NAMES).bad_outcomes() == []


def test_a_bridge_may_keep_the_error_about_crossed_messages_to_itself() -> None:
    but_the_cancel = [name for name in NAMES if "cancel" not in name]
    assert judged(*but_the_cancel, via="client").bad_outcomes() == []
    assert judged(via="client").bad_outcomes() == [WARNING]


def test_a_server_that_goes_silent_after_an_invalid_event_is_named_with_that_event() -> None:
    items = judged(NAMES[0], sent=2, ending=SilentEnding(at=30, owed="event", seconds=10))
    assert ("refusals", "EVENTS-UNANSWERED", "fail") in items.bad_outcomes()
    assert NAMES[1] in [evidence.value for evidence in items.row("refusals").evidence]
