"""Each scenario of the simulator leads to one cause, named by its own code, and to nothing beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

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
class Expected:
    """Row and code of the one finding; both empty where all is well."""

    check: str = ""
    code: str = ""
    severity: str = "fail"
    script: str = "audio"

    def found(self) -> list[tuple[str, str, str]]:
        return [(self.check, f"EVENTS-{self.code}", self.severity)] if self.code else []


FINE = Expected()
EXPECTED: dict[str, Expected] = {
    "good": FINE,
    "echo": FINE,
    "far-away": FINE,
    "slow-created": FINE,
    # Minting is none of its business.
    **dict.fromkeys(("mint-quota", "mint-500", "mint-503", "mint-404", "slow-down"), FINE),
    "invalid-key": Expected("session", "KEY-REFUSED"),
    "no-quota": Expected("session", "NO-QUOTA"),
    "rate-limited": Expected("answer", "RATE-LIMITED"),
    "no-access": Expected("connect", "UPGRADE-FORBIDDEN"),
    "no-model": Expected("session", "MODEL-NOT-FOUND"),
    "model-gone": Expected("session", "MODEL-NOT-FOUND"),
    "wrong-country": Expected("connect", "COUNTRY-REFUSED"),
    "gateway-502": Expected("connect", "GATEWAY-FAILED"),
    "redirected": Expected("connect", "REDIRECTED"),
    "not-a-websocket": Expected("connect", "NOT-A-WEBSOCKET"),
    "handshake-401": Expected("connect", "KEY-REFUSED"),
    "handshake-403": Expected("connect", "UPGRADE-FORBIDDEN"),
    "handshake-404": Expected("connect", "NO-REALTIME-ROUTE"),
    "handshake-429": Expected("connect", "RATE-LIMITED"),
    "handshake-500": Expected("connect", "SERVER-ERROR"),
    "handshake-503": Expected("connect", "OVERLOADED"),
    "flaky-handshake": Expected("connect", "OVERLOADED"),
    "flaky-session": Expected("session", "SERVER-ERROR"),
    "beta-refused": Expected("session", "BETA-DISABLED"),
    "missing-model": Expected("session", "MISSING-MODEL"),
    "invalid-model": Expected("session", "INVALID-MODEL"),
    "invalid-intent": Expected("session", "INVALID-INTENT"),
    "no-credential": Expected("session", "NO-KEY"),
    "credit-exhausted": Expected("session", "CREDIT-EXHAUSTED"),
    "project-limit": Expected("session", "PROJECT-SPEND-LIMIT"),
    "organization-limit": Expected("session", "ORGANIZATION-SPEND-LIMIT"),
    "usage-limit": Expected("session", "ORGANIZATION-USAGE-LIMIT"),
    "session-limited": Expected("session", "RATE-LIMITED"),
    "server-error": Expected("session", "SERVER-ERROR"),
    "session-expired": Expected("events", "SESSION-EXPIRED"),
    "short-session": Expected("events", "SESSION-EXPIRED"),
    "never-created": Expected("session", "NO-FIRST-FRAME"),
    "not-confirmed": Expected("ready", "NOT-CONFIRMED"),
    "update-refused": Expected("ready", "CONFIG-REFUSED"),
    "dropped": Expected("session", "DROPPED"),
    "dropped-mid-append": Expected("end", "DROPPED"),
    "dropped-mid-response": Expected("end", "DROPPED"),
    "reset": Expected("session", "DROPPED"),
    "closed-1000": Expected("session", "CLOSED-NORMALLY"),
    "closed-1001": Expected("session", "GOING-AWAY"),
    "closed-1011": Expected("session", "INTERNAL-FAULT"),
    "closed-1012": Expected("session", "RESTARTING"),
    "closed-1013": Expected("session", "TRY-LATER"),
    "closed-mid-response": Expected("end", "INTERNAL-FAULT"),
    "half-open": Expected("answer", "SILENT"),
    "no-101": Expected("connect", "UPGRADE-NO-ANSWER", "error"),
    "early-eof": Expected("connect", "CLOSED-EARLY"),
    "wrong-accept": Expected("connect", "BAD-ACCEPT"),
    "not-http": Expected("connect", "NOT-HTTP"),
    "garbage-frame": Expected("events", "UNREADABLE"),
    "invalid-utf8": Expected("session", "PROTOCOL-BROKEN"),
    "beta-server": Expected("session", "OTHER-DIALECT", "warning"),
    "mute": Expected("answer", "SILENT"),
    "failed-response": Expected("answer", "SERVER-ERROR"),
    "fails-later": Expected("answer", "SERVER-ERROR", script="long"),
    "failed-transcription": Expected("transcript", "AUDIO-UNINTELLIGIBLE"),
    "error-storm": Expected("events", "ERROR-STORM"),
    "stalls": Expected("audio", "AUDIO-STALLS"),
    "doubled": Expected("events", "REPEATED"),
    "cut-frames": Expected("events", "UNREADABLE"),
}


def complete(finding: Finding) -> None:
    """Every finding that says that something is wrong says also why, and what to do; and `explain` knows its code."""
    if finding.severity not in (Severity.PASS, Severity.SKIPPED):
        assert explain(finding.code)[0].title
    if finding.severity in (Severity.FAIL, Severity.ERROR, Severity.WARNING):
        assert finding.title
        assert finding.cause
        assert finding.fix
        assert finding.link == f"sherpa-probe explain {finding.code}"


def test_every_scenario_has_its_expectation() -> None:
    assert set(EXPECTED) == set(SCENARIOS)


@pytest.mark.parametrize("scenario", EXPECTED)
async def test_a_scenario_leads_to_its_one_finding(scenario: str, autojump_clock: MockClock) -> None:
    expected = EXPECTED[scenario]
    heard = await play_in_memory(autojump_clock, expected.script, scenario)
    assert heard.bad_outcomes() == expected.found()
    for finding in heard.findings:
        complete(finding)
    skipped = [f for f in heard.findings if f.severity is Severity.SKIPPED]
    assert {f.evidence[0].value for f in skipped} <= {expected.check}


@pytest.mark.parametrize("script", ["text", "audio", "manual", "transcription", "function", "interrupt", "long"])
@pytest.mark.parametrize("dialect", ["ga", "beta"])
async def test_every_script_is_fine_on_a_healthy_service_of_either_dialect(
    script: str, dialect: str, autojump_clock: MockClock
) -> None:
    settings = Settings(dialect="both" if dialect == "beta" else "ga")
    heard = await play_in_memory(autojump_clock, script, settings=settings, target=target_for(dialect=dialect))
    assert heard.bad_outcomes() == []
    assert {f.severity for f in heard.findings} == {Severity.PASS}
    assert heard.row("session").title.split(", ")[1] == {"ga": "GA", "beta": "beta"}[dialect]


async def test_azures_address_and_header_are_fine_too(autojump_clock: MockClock) -> None:
    target = target_for(base_url="http://127.0.0.1:1/openai/v1", azure=True)
    assert (await play_in_memory(autojump_clock, "text", target=target)).bad_outcomes() == []


async def test_the_same_session_in_the_wrong_dialect_is_one_warning_that_lists_what_was_renamed(
    autojump_clock: MockClock,
) -> None:
    heard = await play_in_memory(autojump_clock, "text", "beta-server")
    (warning,) = [f for f in heard.findings if f.severity is Severity.WARNING]
    told = {item.label: item.value for item in warning.evidence}
    assert "response.text.delta (response.output_text.delta)" in told["renamed"]
    assert "conversation.item.created (conversation.item.added and conversation.item.done)" in told["renamed"]
    assert "session.modalities" in told["fields"]
    assert warning.fix == "sherpa-probe events --dialect beta"


async def test_a_server_that_lost_the_beta_says_how_to_ask_for_what_it_speaks(autojump_clock: MockClock) -> None:
    heard = await play_in_memory(autojump_clock, "text", target=target_for(dialect="beta"))
    assert heard.bad_outcomes() == [("session", "EVENTS-BETA-DISABLED", "fail")]
    assert heard.row("session").fix == "sherpa-probe events --dialect ga"


async def test_a_header_of_the_settings_that_asks_for_the_beta_is_named(autojump_clock: MockClock) -> None:
    target = target_for(headers=(("OpenAI-Beta", "realtime=v1"),))
    heard = await play_in_memory(autojump_clock, "text", target=target)
    assert heard.row("session").fix.startswith("Remove OpenAI-Beta from")


def test_a_function_that_is_not_called_is_noticed() -> None:
    made = SessionBuilder().ready().question().response("resp_1").response("resp_2")
    assert ("answer", "EVENTS-NO-CALL", "fail") in made.judge("function").bad_outcomes()


async def test_a_reply_in_words_where_everything_fails_later_is_told_by_the_later_one(
    autojump_clock: MockClock,
) -> None:
    heard = await play_in_memory(autojump_clock, "function", settings=Settings(faults=(ReplyFault("fail", after=1),)))
    assert heard.bad_outcomes() == [("answer", "EVENTS-SERVER-ERROR", "fail")]


# Sessions made up by hand: what no scenario does


def whole(**session: object) -> SessionBuilder:
    return SessionBuilder(session={**SESSION, **session}).ready().question().response()


def test_a_whole_session_is_fine_and_every_row_says_so() -> None:
    heard = whole().judge()
    assert [(f.check, f.severity) for f in heard.findings] == [
        (name, Severity.PASS) for name in CHECKS if name not in ("transcript", "audio")
    ]


def test_what_went_wrong_first_is_the_cause_and_the_rest_waits_for_it() -> None:
    made = SessionBuilder().ready().question()
    made.server(
        "response.output_text.delta", response_id="resp_0", item_id="i", output_index=0, content_index=0, delta="x"
    )
    heard = made.judge(ending=SilentEnding(at=20, owed="answer", seconds=10))
    assert heard.bad_outcomes() == [("order", "EVENTS-OUT-OF-ORDER", "fail")]
    told = {item.label: item.value for item in heard.row("order").evidence}
    assert told["rule"] == "Events of a response come after its response.created."
    assert heard.row("answer").evidence[0].value == "order"


def test_another_kind_of_session_is_named() -> None:
    made = SessionBuilder(session={**SESSION, "type": "transcription"}).ready()
    heard = made.judge(ending=RefusedEnding(at=1, error={}, native=True))
    assert heard.bad_outcomes() == [("session", "EVENTS-WRONG-SESSION", "fail")]


def test_a_session_of_no_known_dialect_is_a_warning() -> None:
    heard = SessionBuilder(session={"id": "sess_1"}).ready().question().response().judge()
    assert ("session", "EVENTS-UNKNOWN-DIALECT", "warning") in heard.bad_outcomes()


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (SessionBuilder().server("ping"), "NOT-REALTIME"),
        (SessionBuilder(), "NO-FIRST-FRAME"),
    ],
)
def test_a_server_that_never_opens_a_session_is_named(made: SessionBuilder, code: str) -> None:
    heard = made.judge(ending=SilentEnding(at=10, owed="session", seconds=10))
    assert heard.bad_outcomes() == [("session", f"EVENTS-{code}", "fail")]


@pytest.mark.parametrize(
    ("why", "found"),
    [
        ("a web page", ("session", "EVENTS-NOT-REALTIME", "fail")),
        ("a piece of JSON that is cut off or broken", ("events", "EVENTS-UNREADABLE", "fail")),
    ],
)
def test_where_no_frame_can_be_read_it_is_another_server_unless_they_are_events_cut_off(
    why: str, found: tuple[str, str, str]
) -> None:
    made = SessionBuilder().add(CaptureEntry(at=0.1, who="server", event={}, unreadable=why))
    assert made.judge(ending=SilentEnding(at=10, owed="session", seconds=10)).bad_outcomes() == [found]


def test_a_line_that_broke_is_not_told_by_a_code_that_nobody_sent() -> None:
    heard = SessionBuilder().ready().judge(ending=ClosedEnding(at=1, code=1006, reason="", by_peer=True))
    assert heard.row("end").evidence[0].value == "closed behind session.updated: without a close frame"


async def test_a_line_that_dies_before_speech_is_noticed_is_silence_not_a_lost_transcript(
    autojump_clock: MockClock,
) -> None:
    heard = await play_in_memory(autojump_clock, "transcription", "half-open")
    assert heard.bad_outcomes() == [("transcript", "EVENTS-SILENT", "fail")]


def test_no_answer_to_the_upgrade_is_a_matter_of_the_connection() -> None:
    heard = SessionBuilder().judge(ending=SilentEnding(at=10, owed="connection", seconds=10), connected_at=None)
    assert heard.bad_outcomes() == [("connect", "EVENTS-UPGRADE-NO-ANSWER", "error")]


def test_a_script_without_end_is_stopped_at_its_bound() -> None:
    heard = whole().judge(ending=LimitEnding(at=60, bound="60 s for the whole script"))
    assert heard.bad_outcomes() == [("end", "EVENTS-TOO-MUCH", "fail")]
    assert "60 s" in heard.row("end").evidence[0].value


def test_a_broken_frame_of_the_peer_is_no_close_of_his() -> None:
    ending = ClosedEnding(at=1, code=1007, reason="invalid utf-8", by_peer=False)
    heard = SessionBuilder().ready().judge(ending=ending)
    assert heard.bad_outcomes() == [("end", "EVENTS-PROTOCOL-BROKEN", "fail")]


def test_a_close_explains_itself_by_its_reason() -> None:
    ending = ClosedEnding(at=1, code=1013, reason="insufficient_quota.insufficient_quota", by_peer=True)
    assert SessionBuilder().ready().judge(ending=ending).bad_outcomes() == [("end", "EVENTS-NO-QUOTA", "fail")]


def test_a_failed_update_that_ends_a_session_is_told_as_a_refusal() -> None:
    made = SessionBuilder().server("session.created", session=SESSION)
    made.server("error", error={"type": "invalid_request_error", "code": "session_expired", "message": "over"})
    heard = made.judge(ending=RefusedEnding(at=1, error={}, native=True, code=1001))
    assert heard.bad_outcomes() == [("ready", "EVENTS-SESSION-EXPIRED", "fail")]
    assert ("close", "1001") in [(e.label, e.value) for e in heard.row("ready").evidence]


def test_a_bridge_that_reconnects_is_a_warning_where_the_script_came_to_its_end() -> None:
    made = SessionBuilder().ready().bridge("reconnecting", attempt=1, reason="lost")
    made.ready().question().response()
    assert made.judge().bad_outcomes() == [("end", "EVENTS-RECONNECTED", "warning")]


def test_and_the_cause_of_everything_where_it_did_not() -> None:
    made = SessionBuilder().ready().question().bridge("reconnecting", attempt=1, reason="lost").ready()
    heard = made.judge(ending=SilentEnding(at=20, owed="answer", seconds=10))
    assert heard.bad_outcomes() == [("end", "EVENTS-RECONNECTED", "fail")]


def test_a_bridges_error_in_its_own_words_is_named_by_its_code() -> None:
    made = (
        SessionBuilder().bridge("connected", clientId="c").bridge("error", code="QUOTA_EXHAUSTED", message="no credit")
    )
    heard = made.judge(ending=RefusedEnding(at=1, error={}, native=False), via="client")
    assert heard.bad_outcomes() == [("session", "BRIDGE-QUOTA-EXHAUSTED", "fail")]


def test_so_is_one_at_the_native_door_behind_what_it_gives_up() -> None:
    made = SessionBuilder().server("session.created", session=SESSION)
    for code in ("audio_dropped", "quota_exhausted"):
        made.server("error", error={"type": "bridge_error", "code": code, "message": "m"})
    heard = made.judge(ending=RefusedEnding(at=1, error={}, native=True), via="native")
    assert heard.bad_outcomes() == [("ready", "BRIDGE-QUOTA-EXHAUSTED", "fail")]


def test_a_script_that_stopped_says_nothing_more_of_its_end() -> None:
    heard = SessionBuilder().ready().question().response(status="failed").judge(ending=StoppedEnding(at=3))
    assert heard.bad_outcomes() == [("answer", "EVENTS-UNKNOWN-ERROR", "fail")]
    assert heard.row("end").severity is Severity.SKIPPED


def test_sound_that_nobody_asked_for_is_judged_as_sound() -> None:
    made = (
        SessionBuilder(session={**SESSION, "output_modalities": ["audio"]})
        .ready()
        .question()
        .response(deltas=audio_deltas())
    )
    assert made.judge().row("audio").title == "1.0 s of audio, no hole in it"


def test_every_problem_of_events_is_one_that_explain_knows() -> None:
    own = [code for code in PROBLEMS if code.startswith("EVENTS-")]
    assert len(own) >= 20
    for code in own:
        assert explain(code)[0].cause
