"""Each scenario of the simulator leads to one cause with its own code, and to no other finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from bridge.client_protocol.errors import LOST_RESPONSE_MESSAGE
from bridge.simulator.faults.scenarios import SCENARIOS
from bridge.simulator.faults.session_faults import ReplyFault
from bridge.simulator.settings import Settings
from probes.conversation.verdict import CHECKS
from probes.explain import explain
from probes.problem_catalogue import PROBLEMS
from probes.recording.capture import CaptureEntry, ClosedEnding, LimitEnding, RefusedEnding, SilentEnding, StoppedEnding
from reports.model import Severity
from tests.probes.conversation.session_builder import SESSION, SessionBuilder, audio_deltas, play_in_memory, target_for

if TYPE_CHECKING:
    from trio.testing import MockClock

    from reports.model import Finding


@dataclass(frozen=True)
class ExpectedOutcome:
    """Row and code of the one finding; both empty if there is none."""

    check: str = ""
    code: str = ""
    severity: str = "fail"
    script: str = "audio"

    def outcomes(self) -> list[tuple[str, str, str]]:
        return [(self.check, f"EVENTS-{self.code}", self.severity)] if self.code else []


PASSES = ExpectedOutcome()
EXPECTED: dict[str, ExpectedOutcome] = {
    "good": PASSES,
    "echo": PASSES,
    "far-away": PASSES,
    "hesitant": PASSES,
    "commentary": PASSES,
    "mcp-unlisted": PASSES,
    "mcp-failed": PASSES,
    "slow-created": PASSES,
    # Minting is not part of this probe.
    **dict.fromkeys(("mint-quota", "mint-500", "mint-503", "mint-404", "slow-down"), PASSES),
    "invalid-key": ExpectedOutcome("session", "KEY-REFUSED"),
    "no-quota": ExpectedOutcome("session", "NO-QUOTA"),
    "rate-limited": ExpectedOutcome("answer", "RATE-LIMITED"),
    "no-access": ExpectedOutcome("connect", "UPGRADE-FORBIDDEN"),
    "no-model": ExpectedOutcome("session", "MODEL-NOT-FOUND"),
    "model-gone": ExpectedOutcome("session", "MODEL-NOT-FOUND"),
    "wrong-country": ExpectedOutcome("connect", "COUNTRY-REFUSED"),
    "gateway-502": ExpectedOutcome("connect", "GATEWAY-FAILED"),
    "redirected": ExpectedOutcome("connect", "REDIRECTED"),
    "not-a-websocket": ExpectedOutcome("connect", "NOT-A-WEBSOCKET"),
    "handshake-401": ExpectedOutcome("connect", "KEY-REFUSED"),
    "handshake-403": ExpectedOutcome("connect", "UPGRADE-FORBIDDEN"),
    "handshake-404": ExpectedOutcome("connect", "NO-REALTIME-ROUTE"),
    "handshake-429": ExpectedOutcome("connect", "RATE-LIMITED"),
    "handshake-500": ExpectedOutcome("connect", "SERVER-ERROR"),
    "handshake-503": ExpectedOutcome("connect", "OVERLOADED"),
    "flaky-handshake": ExpectedOutcome("connect", "OVERLOADED"),
    "flaky-session": ExpectedOutcome("session", "SERVER-ERROR"),
    "beta-refused": ExpectedOutcome("session", "BETA-DISABLED"),
    "missing-model": ExpectedOutcome("session", "MISSING-MODEL"),
    "invalid-model": ExpectedOutcome("session", "INVALID-MODEL"),
    "invalid-intent": ExpectedOutcome("session", "INVALID-INTENT"),
    "no-credential": ExpectedOutcome("session", "NO-KEY"),
    "credit-exhausted": ExpectedOutcome("session", "CREDIT-EXHAUSTED"),
    "project-limit": ExpectedOutcome("session", "PROJECT-SPEND-LIMIT"),
    "organization-limit": ExpectedOutcome("session", "ORGANIZATION-SPEND-LIMIT"),
    "usage-limit": ExpectedOutcome("session", "ORGANIZATION-USAGE-LIMIT"),
    "session-limited": ExpectedOutcome("session", "RATE-LIMITED"),
    "server-error": ExpectedOutcome("session", "SERVER-ERROR"),
    "session-expired": ExpectedOutcome("events", "SESSION-EXPIRED"),
    "short-session": ExpectedOutcome("events", "SESSION-EXPIRED"),
    "never-created": ExpectedOutcome("session", "NO-FIRST-FRAME"),
    "not-confirmed": ExpectedOutcome("ready", "NOT-CONFIRMED"),
    "update-refused": ExpectedOutcome("ready", "CONFIG-REFUSED"),
    "dropped": ExpectedOutcome("session", "DROPPED"),
    "dropped-mid-append": ExpectedOutcome("end", "DROPPED"),
    "dropped-mid-response": ExpectedOutcome("end", "DROPPED"),
    "reset": ExpectedOutcome("session", "DROPPED"),
    "closed-1000": ExpectedOutcome("session", "CLOSED-NORMALLY"),
    "closed-1001": ExpectedOutcome("session", "GOING-AWAY"),
    "closed-1011": ExpectedOutcome("session", "INTERNAL-FAULT"),
    "closed-1012": ExpectedOutcome("session", "RESTARTING"),
    "closed-1013": ExpectedOutcome("session", "TRY-LATER"),
    "closed-mid-response": ExpectedOutcome("end", "INTERNAL-FAULT"),
    "half-open": ExpectedOutcome("answer", "SILENT"),
    "no-101": ExpectedOutcome("connect", "UPGRADE-NO-ANSWER", "error"),
    "early-eof": ExpectedOutcome("connect", "CLOSED-EARLY"),
    "wrong-accept": ExpectedOutcome("connect", "BAD-ACCEPT"),
    "not-http": ExpectedOutcome("connect", "NOT-HTTP"),
    "garbage-frame": ExpectedOutcome("events", "UNREADABLE"),
    "invalid-utf8": ExpectedOutcome("session", "PROTOCOL-BROKEN"),
    "beta-server": ExpectedOutcome("session", "OTHER-DIALECT", "warning"),
    "mute": ExpectedOutcome("answer", "SILENT"),
    "failed-response": ExpectedOutcome("answer", "SERVER-ERROR"),
    "fails-later": ExpectedOutcome("answer", "SERVER-ERROR", script="long"),
    "failed-transcription": ExpectedOutcome("transcript", "AUDIO-UNINTELLIGIBLE"),
    "error-storm": ExpectedOutcome("events", "ERROR-STORM"),
    "stalls": ExpectedOutcome("audio", "AUDIO-STALLS"),
    "doubled": ExpectedOutcome("events", "REPEATED"),
    "cut-frames": ExpectedOutcome("events", "UNREADABLE"),
}


def assert_complete(finding: Finding) -> None:
    """A problem has a title, a cause and a fix, and `explain` knows its code."""
    if finding.severity not in (Severity.PASS, Severity.SKIPPED):
        assert explain(finding.code)[0].title
    if finding.severity in (Severity.FAIL, Severity.ERROR, Severity.WARNING):
        assert finding.title
        assert finding.cause
        assert finding.fix
        assert finding.link == f"sherpa-probe explain {finding.code}"


def test_every_scenario_has_an_expected_outcome() -> None:
    assert set(EXPECTED) == set(SCENARIOS)


@pytest.mark.parametrize("scenario", EXPECTED)
async def test_a_scenario_leads_to_its_one_finding(scenario: str, autojump_clock: MockClock) -> None:
    expected = EXPECTED[scenario]
    items = await play_in_memory(autojump_clock, expected.script, scenario)
    assert items.bad_outcomes() == expected.outcomes()
    for finding in items.findings:
        assert_complete(finding)
    skipped = [f for f in items.findings if f.severity is Severity.SKIPPED]
    assert {f.evidence[0].value for f in skipped} <= {expected.check}


@pytest.mark.parametrize(
    "script", ["text", "audio", "manual", "transcription", "function", "interrupt", "long", "errors"]
)
@pytest.mark.parametrize("dialect", ["ga", "beta"])
async def test_every_script_passes_on_a_healthy_service_of_either_dialect(
    script: str, dialect: str, autojump_clock: MockClock
) -> None:
    settings = Settings(dialect="both" if dialect == "beta" else "ga")
    items = await play_in_memory(autojump_clock, script, settings=settings, target=target_for(dialect=dialect))
    assert items.bad_outcomes() == []
    assert {f.severity for f in items.findings} == {Severity.PASS}
    assert items.row("session").title.split(", ")[1] == {"ga": "GA", "beta": "beta"}[dialect]


async def test_azures_url_and_header_work_too(autojump_clock: MockClock) -> None:
    target = target_for(base_url="http://127.0.0.1:1/openai/v1", azure=True)
    assert (await play_in_memory(autojump_clock, "text", target=target)).bad_outcomes() == []


async def test_another_dialect_is_one_warning_that_lists_the_renamed_events(
    autojump_clock: MockClock,
) -> None:
    items = await play_in_memory(autojump_clock, "text", "beta-server")
    (warning,) = [f for f in items.findings if f.severity is Severity.WARNING]
    evidence = {item.label: item.value for item in warning.evidence}
    assert "response.text.delta (response.output_text.delta)" in evidence["renamed"]
    assert "conversation.item.created (conversation.item.added and conversation.item.done)" in evidence["renamed"]
    assert "session.modalities" in evidence["fields"]
    assert warning.fix == "sherpa-probe events --dialect beta"


async def test_a_server_without_the_beta_dialect_says_how_to_request_ga(autojump_clock: MockClock) -> None:
    items = await play_in_memory(autojump_clock, "text", target=target_for(dialect="beta"))
    assert items.bad_outcomes() == [("session", "EVENTS-BETA-DISABLED", "fail")]
    assert items.row("session").fix == "sherpa-probe events --dialect ga"


async def test_a_configured_beta_header_is_named_in_the_fix(autojump_clock: MockClock) -> None:
    target = target_for(headers=(("OpenAI-Beta", "realtime=v1"),))
    items = await play_in_memory(autojump_clock, "text", target=target)
    assert items.row("session").fix.startswith("Remove OpenAI-Beta from")


def test_a_missing_function_call_is_reported() -> None:
    session = SessionBuilder().ready().question().response("resp_1").response("resp_2")
    assert ("answer", "EVENTS-NO-CALL", "fail") in session.judge("function").bad_outcomes()


async def test_a_later_response_that_fails_is_the_cause(
    autojump_clock: MockClock,
) -> None:
    items = await play_in_memory(autojump_clock, "function", settings=Settings(faults=(ReplyFault("fail", after=1),)))
    assert items.bad_outcomes() == [("answer", "EVENTS-SERVER-ERROR", "fail")]


# Sessions that no scenario produces, built by hand


def complete_session(**session: object) -> SessionBuilder:
    return SessionBuilder(session={**SESSION, **session}).ready().question().response()


def test_a_complete_session_passes_every_row() -> None:
    items = complete_session().judge()
    assert [(f.check, f.severity) for f in items.findings] == [
        (name, Severity.PASS) for name in CHECKS if name not in ("transcript", "audio", "interruption", "refusals")
    ]


def test_the_first_failure_is_the_cause_and_the_rest_is_skipped() -> None:
    session = SessionBuilder().ready().question()
    session.server(
        "response.output_text.delta", response_id="resp_0", item_id="i", output_index=0, content_index=0, delta="x"
    )
    items = session.judge(ending=SilentEnding(at=20, owed="answer", seconds=10))
    assert items.bad_outcomes() == [("order", "EVENTS-OUT-OF-ORDER", "fail")]
    evidence = {item.label: item.value for item in items.row("order").evidence}
    assert evidence["rule"] == "Events of a response come after its response.created."
    assert items.row("answer").evidence[0].value == "order"


def test_another_kind_of_session_is_reported() -> None:
    session = SessionBuilder(session={**SESSION, "type": "transcription"}).ready()
    items = session.judge(ending=RefusedEnding(at=1, error={}, native=True))
    assert items.bad_outcomes() == [("session", "EVENTS-WRONG-SESSION", "fail")]


def test_an_unknown_dialect_is_a_warning() -> None:
    items = SessionBuilder(session={"id": "sess_1"}).ready().question().response().judge()
    assert ("session", "EVENTS-UNKNOWN-DIALECT", "warning") in items.bad_outcomes()


@pytest.mark.parametrize(
    ("session", "code"),
    [
        (SessionBuilder().server("ping"), "NOT-REALTIME"),
        (SessionBuilder(), "NO-FIRST-FRAME"),
    ],
)
def test_a_server_that_never_opens_a_session_is_reported(session: SessionBuilder, code: str) -> None:
    items = session.judge(ending=SilentEnding(at=10, owed="session", seconds=10))
    assert items.bad_outcomes() == [("session", f"EVENTS-{code}", "fail")]


@pytest.mark.parametrize(
    ("why", "found"),
    [
        ("a web page", ("session", "EVENTS-NOT-REALTIME", "fail")),
        ("truncated or invalid JSON", ("events", "EVENTS-UNREADABLE", "fail")),
    ],
)
def test_unreadable_frames_mean_another_server_unless_they_are_truncated_events(
    why: str, found: tuple[str, str, str]
) -> None:
    session = SessionBuilder().add(CaptureEntry(at=0.1, who="server", event={}, unreadable=why))
    assert session.judge(ending=SilentEnding(at=10, owed="session", seconds=10)).bad_outcomes() == [found]


def test_a_lost_connection_is_reported_without_the_code_1006() -> None:
    items = SessionBuilder().ready().judge(ending=ClosedEnding(at=1, code=1006, reason="", by_peer=True))
    assert items.row("end").evidence[0].value == "closed after session.updated: without a close frame"


async def test_a_connection_that_dies_before_speech_is_detected_is_silence_not_a_lost_transcript(
    autojump_clock: MockClock,
) -> None:
    items = await play_in_memory(autojump_clock, "transcription", "half-open")
    assert items.bad_outcomes() == [("transcript", "EVENTS-SILENT", "fail")]


def test_an_upgrade_without_a_response_fails_the_connection() -> None:
    items = SessionBuilder().judge(ending=SilentEnding(at=10, owed="connection", seconds=10), connected_at=None)
    assert items.bad_outcomes() == [("connect", "EVENTS-UPGRADE-NO-ANSWER", "error")]


def test_a_script_that_reaches_its_limit_is_reported() -> None:
    items = complete_session().judge(ending=LimitEnding(at=60, bound="60 s for the whole script"))
    assert items.bad_outcomes() == [("end", "EVENTS-TOO-MUCH", "fail")]
    assert "60 s" in items.row("end").evidence[0].value


def test_an_invalid_frame_is_not_reported_as_a_close_by_the_server() -> None:
    ending = ClosedEnding(at=1, code=1007, reason="invalid utf-8", by_peer=False)
    items = SessionBuilder().ready().judge(ending=ending)
    assert items.bad_outcomes() == [("end", "EVENTS-PROTOCOL-BROKEN", "fail")]


def test_a_close_is_explained_by_its_reason() -> None:
    ending = ClosedEnding(at=1, code=1013, reason="insufficient_quota.insufficient_quota", by_peer=True)
    assert SessionBuilder().ready().judge(ending=ending).bad_outcomes() == [("end", "EVENTS-NO-QUOTA", "fail")]


def test_a_refused_update_that_ends_the_session_is_reported_as_a_refusal() -> None:
    session = SessionBuilder().server("session.created", session=SESSION)
    session.server("error", error={"type": "invalid_request_error", "code": "session_expired", "message": "over"})
    items = session.judge(ending=RefusedEnding(at=1, error={}, native=True, code=1001))
    assert items.bad_outcomes() == [("ready", "EVENTS-SESSION-EXPIRED", "fail")]
    assert ("close", "1001") in [(e.label, e.value) for e in items.row("ready").evidence]


def test_a_reconnect_of_the_bridge_is_a_warning_if_the_script_finished() -> None:
    session = SessionBuilder().ready().bridge("reconnecting", attempt=1, reason="lost")
    session.ready().question().response()
    assert session.judge().bad_outcomes() == [("end", "EVENTS-RECONNECTED", "warning")]


def test_a_reconnect_of_the_bridge_is_the_cause_if_the_script_did_not_finish() -> None:
    session = SessionBuilder().ready().question().bridge("reconnecting", attempt=1, reason="lost").ready()
    items = session.judge(ending=SilentEnding(at=20, owed="answer", seconds=10))
    assert items.bad_outcomes() == [("end", "EVENTS-RECONNECTED", "fail")]


def test_a_bridges_error_message_is_reported_under_its_code() -> None:
    session = (
        SessionBuilder().bridge("connected", clientId="c").bridge("error", code="QUOTA_EXHAUSTED", message="no credit")
    )
    items = session.judge(ending=RefusedEnding(at=1, error={}, native=False), via="client")
    assert items.bad_outcomes() == [("session", "BRIDGE-QUOTA-EXHAUSTED", "fail")]


def test_a_bridges_native_error_is_reported_instead_of_the_dropped_audio_before_it() -> None:
    session = SessionBuilder().server("session.created", session=SESSION)
    for code in ("audio_dropped", "quota_exhausted"):
        session.server("error", error={"type": "bridge_error", "code": code, "message": "m"})
    items = session.judge(ending=RefusedEnding(at=1, error={}, native=True), via="native")
    assert items.bad_outcomes() == [("ready", "BRIDGE-QUOTA-EXHAUSTED", "fail")]


@pytest.mark.parametrize(
    ("via", "event_id", "code"),
    [
        ("native", None, "BRIDGE-UPSTREAM-ERROR"),
        ("native", "event_of_the_bridge", "BRIDGE-UPSTREAM-ERROR"),
        ("native", "event_sherpa_2", "EVENTS-UNKNOWN-ITEM"),
        ("service", None, "EVENTS-UNKNOWN-ITEM"),
    ],
)
def test_an_error_through_a_bridge_speaks_of_the_bridge_unless_the_script_asked_for_it(
    via: str, event_id: str | None, code: str
) -> None:
    error = {"type": "invalid_request_error", "code": "item_truncate_invalid_item_id", "message": "m"}
    session = SessionBuilder().ready().question().server("error", error={**error, "event_id": event_id}).response()
    assert session.judge(via=via).bad_outcomes() == [("events", code, "fail")]


def test_another_session_behind_a_native_endpoint_is_a_reconnect() -> None:
    session = SessionBuilder().ready().server("session.updated", session={**SESSION, "id": "sess_2"})
    session.question().response()
    assert session.judge(via="native").bad_outcomes() == [("end", "EVENTS-RECONNECTED", "warning")]


def test_an_answer_that_was_lost_with_its_session_names_the_reconnect() -> None:
    error = {"type": "server_error", "code": None, "message": LOST_RESPONSE_MESSAGE}
    session = SessionBuilder().ready().question()
    session.response(status="failed", status_details={"type": "failed", "error": error})
    session.server("session.updated", session={**SESSION, "id": "sess_2"})
    items = session.judge(ending=StoppedEnding(at=3), via="native")
    assert items.bad_outcomes() == [("answer", "EVENTS-RECONNECTED", "fail")]


def test_a_stopped_script_skips_the_end() -> None:
    items = SessionBuilder().ready().question().response(status="failed").judge(ending=StoppedEnding(at=3))
    assert items.bad_outcomes() == [("answer", "EVENTS-UNKNOWN-ERROR", "fail")]
    assert items.row("end").severity is Severity.SKIPPED


def test_unrequested_audio_is_checked_as_audio() -> None:
    session = (
        SessionBuilder(session={**SESSION, "output_modalities": ["audio"]})
        .ready()
        .question()
        .response(deltas=audio_deltas())
    )
    assert session.judge().row("audio").title == "1.0 s of audio without gaps"


def test_explain_knows_every_problem_of_events() -> None:
    own = [code for code in PROBLEMS if code.startswith("EVENTS-")]
    assert len(own) >= 20
    for code in own:
        assert explain(code)[0].cause


def test_a_service_that_answers_with_text_where_audio_is_the_default_is_named() -> None:
    session = SessionBuilder().ready().question().response()
    assert ("ready", "EVENTS-TEXT-ONLY", "warning") in session.judge("interrupt").bad_outcomes()
    assert session.judge("text").bad_outcomes() == []
    through = session.judge("interrupt", via="client").bad_outcomes()
    assert not [code for _, code, _ in through if code == "EVENTS-TEXT-ONLY"], "its operator may want text"


def test_rate_limits_that_never_come_are_noted_and_nothing_more() -> None:
    session = complete_session()
    assert session.entries.pop().type == "rate_limits.updated"
    assert session.judge().bad_outcomes() == [("events", "EVENTS-NO-RATE-LIMITS", "info")]
    assert session.judge(via="native").bad_outcomes() == [], "a bridge may keep the limits of its key to itself"
