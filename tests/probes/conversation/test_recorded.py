from __future__ import annotations

from typing import TYPE_CHECKING

from probes.conversation.recorded import recorded_script
from probes.conversation.run import report_items
from probes.conversation.wording import offline_wording
from probes.recording.capture import Capture, ClosedEnding, FinishedEnding
from probes.runner.redaction import Secrets
from tests.probes.conversation.session_builder import SESSION, ReportItems, SessionBuilder, header

if TYPE_CHECKING:
    from probes.recording.capture import CaptureEnding, CaptureEntry


def judged(entries: list[CaptureEntry], ending: CaptureEnding | None = None) -> ReportItems:
    found = ReportItems()
    capture = Capture(header=header(""), entries=entries, ending=ending or FinishedEnding(at=9.0))
    for item in report_items(capture, offline_wording(), Secrets()):
        found.add(item)
    return found


def created() -> list[CaptureEntry]:
    return SessionBuilder().server("session.created", session=SESSION).entries


def test_a_client_that_configures_nothing_is_no_failure() -> None:
    found = judged(created())
    assert found.bad_outcomes() == []
    assert found.row("ready").title == "skipped: the client sent no configuration"


def test_no_event_in_particular_is_expected() -> None:
    assert judged(created()).row("events").title == "1 events of 1 types"


def test_errors_of_a_session_without_configuration_are_found_too() -> None:
    builder = SessionBuilder().server("session.created", session=SESSION)
    builder.server("error", error={"type": "invalid_request_error", "code": "invalid_value", "message": "no"})
    assert judged(builder.entries).row("events").severity.value == "fail"


def test_a_session_that_the_server_closed_fails() -> None:
    found = judged(created(), ClosedEnding(at=2.0, code=1001, reason="", by_peer=True))
    assert found.row("end").severity.value == "fail"


def test_the_script_of_a_recording_counts_its_responses() -> None:
    builder = SessionBuilder().server("response.created").server("response.created")
    script = recorded_script(Capture(header=header(""), entries=builder.entries, ending=FinishedEnding(at=1.0)))
    assert (script.responses, script.is_recorded, script.configures) == (2, True, False)
