"""The probe `bridge` against bridges with one defect each: every defect leads to its one finding."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from bridge.client_protocol.errors import ClientCode
from bridge.upstream.dial.dial import DialFailed, DialPhase, FailureReason
from probes.bridge.probe import CHECKS, bridge
from probes.explain import explain
from probes.problems.bridge_codes import BY_CLIENT_CODE
from probes.runner.runner import ProbeRun
from probes.targets.bridge import EndpointKind
from reports.model import Finding, Report, Severity
from reports.redaction import Secret
from tests.probes.bridge.faulty_bridge import FaultyBridge, memory_target

if TYPE_CHECKING:
    from bridge.upstream.dial.dial import OpenedStream
    from probes.targets.bridge import BridgeTarget

BAD = (Severity.FAIL, Severity.ERROR, Severity.WARNING)

#: Defect to row and code. The report may hold no other problem.
DEFECTS: dict[str, tuple[str, str]] = {
    "not-ready": ("health", "BRIDGE-NOT-READY"),
    "sick": ("health", "BRIDGE-UNHEALTHY"),
    "a-page": ("upgrade", "BRIDGE-NOT-A-BRIDGE"),
    "404": ("upgrade", "BRIDGE-NOT-FOUND"),
    "401": ("upgrade", "BRIDGE-UNAUTHORIZED"),
    "403": ("upgrade", "BRIDGE-FORBIDDEN"),
    "wrong-page": ("upgrade", "BRIDGE-ORIGIN-NOT-ALLOWED"),
    "full": ("upgrade", "BRIDGE-SERVER-BUSY"),
    "500": ("upgrade", "BRIDGE-UPGRADE-SERVER-ERROR"),
    "silent": ("connected", "BRIDGE-NO-GREETING"),
    "speaks-native": ("connected", "BRIDGE-OTHER-DOOR"),
    "speaks-else": ("connected", "BRIDGE-NOT-A-BRIDGE"),
    "no-pong": ("ping", "BRIDGE-NO-PONG"),
    "pongs-anything": ("ping", "BRIDGE-NO-PONG"),
    "never-ready": ("session", "BRIDGE-NO-SESSION-READY"),
    "ready-too-early": ("session", "BRIDGE-READY-TOO-EARLY"),
    "keeps-the-beginning": ("events", "BRIDGE-INIT-NOT-FORWARDED"),
    "drops-early": ("early speech", "BRIDGE-EARLY-SPEECH-LOST"),
    "drops-early-unseen": ("early speech", "BRIDGE-EARLY-SPEECH-LOST"),
    "drops-early-and-says-so": ("early speech", "BRIDGE-SPEECH-DROPPED"),
    "forwards-nothing": ("speech in", "BRIDGE-NOTHING-FORWARDED"),
    "takes-no-speech": ("speech in", "BRIDGE-SPEECH-NOT-TAKEN"),
    "hangs-up": ("speech in", "BRIDGE-HUNG-UP"),
    "loses-its-upstream": ("speech in", "BRIDGE-UPSTREAM-LOST"),
    "passes-a-loss-on": ("speech in", "BRIDGE-NOT-RECONNECTED"),
    "closes-with-its-upstream": ("speech in", "BRIDGE-NOT-RECONNECTED"),
    "answers-nothing": ("speech out", "BRIDGE-NO-SPEECH-OUT"),
    "answers-in-writing": ("speech out", "BRIDGE-NO-SPEECH-OUT"),
    "answers-half": ("speech out", "BRIDGE-ANSWER-UNFINISHED"),
    "fails": ("speech out", "BRIDGE-UPSTREAM-ERROR"),
    "loses": ("tracer", "BRIDGE-AUDIO-LOST"),
    "repeats": ("tracer", "BRIDGE-AUDIO-REPEATED"),
    "reorders": ("tracer", "BRIDGE-AUDIO-REORDERED"),
    "damages": ("tracer", "BRIDGE-AUDIO-DAMAGED"),
    "beta-names": ("events", "BRIDGE-BETA-EVENTS"),
    "swallows-errors": ("errors", "BRIDGE-ERROR-SWALLOWED"),
    "errs-without-a-code": ("errors", "BRIDGE-ERROR-MALFORMED"),
    "floods": ("errors", "BRIDGE-ERROR-FLOOD"),
    "forgets-errors": ("errors", "BRIDGE-ERRORS-FORGOTTEN"),
    "hangs-up-on-errors": ("errors", "BRIDGE-ERROR-FATAL"),
    "begins-anew-on-errors": ("errors", "BRIDGE-ERROR-FATAL"),
    "crashes-a-second-later": ("errors", "BRIDGE-ERROR-FATAL"),
    "ends-without-a-word": ("end", "BRIDGE-NO-SESSION-CLOSED"),
    "one-session-only": ("again", "BRIDGE-NO-SECOND-SESSION"),
    "only-base64": ("again", "BRIDGE-BINARY-IGNORED"),
    "never-closes": ("close", "BRIDGE-NO-CLOSE"),
    "closes-with-1011": ("close", "BRIDGE-CLOSE-CODE"),
    "unstamped": ("timestamps", "BRIDGE-UNSTAMPED"),
    "half-filled": ("fields", "BRIDGE-FIELDS-MISSING"),
}


async def run_probe(target: BridgeTarget) -> Report:
    run = ProbeRun(
        tool="t", probe=bridge, open_subject=lambda: nullcontext(target), secrets=target.secrets, verbose=True
    )
    with trio.fail_after(600):
        await run.run()
    crashed = [f.evidence for f in run.findings if f.code == "PROBE-CRASHED"]
    assert not crashed, crashed[0][-1].value
    return run.report()


def bad(report: Report) -> list[tuple[str, str]]:
    return [(f.check, f.code) for f in report.findings if f.severity in BAD]


def checked(report: Report) -> list[Finding]:
    """The rows of what was checked: without those of what no client can see."""
    return [f for f in report.findings if not f.code.endswith("-NOT-CHECKED")]


def at_row(report: Report, name: str) -> Finding:
    return next(f for f in report.findings if f.check == name)


async def look_in_memory(defect: str = "", url: str = "ws://localhost:1", **more: Any) -> Report:
    async with trio.open_nursery() as nursery:
        report = await run_probe(memory_target(nursery, FaultyBridge(defect, more.pop("says", None)), url, **more))
        nursery.cancel_scope.cancel()
    return report


async def test_a_good_bridge_passes_every_row_and_nothing_is_lost(autojump_clock: trio.testing.MockClock) -> None:
    report = await look_in_memory()
    assert {(f.check, f.severity) for f in checked(report)} == {
        (check.name, Severity.PASS) for check in CHECKS[EndpointKind.CLIENT]
    }
    measured = {metric.name: metric.value for metric in report.metrics}
    assert (measured["bridge_lost_ms"], measured["bridge_repeated_ms"], measured["bridge_reordered_ms"]) == (0, 0, 0)
    assert measured["bridge_ready_seconds"] == pytest.approx(0.4)
    assert {"bridge_connect_seconds", "bridge_first_audio_seconds"} <= measured.keys()
    (timeline,) = report.timelines
    assert timeline.name == "bridge"
    sent = [moment for moment in timeline.moments if moment.what == "(binary audio)" and moment.who == "client"]
    assert [moment.count for moment in sent] == [20]


@pytest.mark.parametrize("defect", DEFECTS)
async def test_each_defect_leads_to_its_one_finding(defect: str, autojump_clock: trio.testing.MockClock) -> None:
    report = await look_in_memory(defect)
    assert bad(report) == [DEFECTS[defect]]
    finding = at_row(report, DEFECTS[defect][0])
    assert finding.evidence
    assert finding.evidence[0].value
    assert finding.fix
    assert explain(finding.code) or explain(finding.code.removeprefix("BRIDGE-"))
    assert finding.link == f"sherpa-probe explain {finding.code}"


async def test_what_stands_behind_a_failed_row_is_skipped_and_names_it(autojump_clock: trio.testing.MockClock) -> None:
    report = await look_in_memory("404")
    skipped = [f for f in report.findings if f.severity is Severity.SKIPPED]
    assert [f.check for f in skipped] == [check.name for check in CHECKS[EndpointKind.CLIENT][4:]]
    assert {f.title for f in skipped} == {"skipped: no upgrade"}


async def test_a_socket_that_is_gone_takes_the_rest_along(autojump_clock: trio.testing.MockClock) -> None:
    report = await look_in_memory("hangs-up")
    assert at_row(report, "speech in").evidence[0].value == "close 1011 oops"
    assert at_row(report, "close").title == "skipped: the socket is closed"


async def test_an_end_after_a_pause_that_can_not_be_repeated_is_blamed_on_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        target = memory_target(nursery, FaultyBridge("crashes-a-second-later"))
        usual, connections = target.open_stream, 0

        async def opener() -> OpenedStream:
            nonlocal connections
            connections += 1
            if connections > 1 or usual is None:  # a ticket opens one connection
                raise DialFailed(DialPhase.TCP, FailureReason.REFUSED, "once is enough")
            return await usual()

        report = await run_probe(replace(target, open_stream=opener))
        nursery.cancel_scope.cancel()
    assert bad(report) == [("errors", "BRIDGE-HUNG-UP")]


async def test_without_an_echo_nothing_is_called_whole(autojump_clock: trio.testing.MockClock) -> None:
    report = await look_in_memory("echoes-nothing")
    assert bad(report) == []
    tracer = at_row(report, "tracer")
    assert (tracer.code, tracer.severity) == ("BRIDGE-TRACER-UNSEEN", Severity.INFO)
    assert at_row(report, "speech out").evidence[0].value == "interrupted"
    assert not [metric for metric in report.metrics if metric.name == "bridge_lost_ms"]


async def test_a_bridge_without_pages_and_one_that_owns_every_session_are_fine(
    autojump_clock: trio.testing.MockClock,
) -> None:
    report = await look_in_memory("no-pages")
    assert (bad(report), at_row(report, "health").severity) == ([], Severity.INFO)
    report = await look_in_memory("owns-everything")
    assert [code for _, code in bad(report)] == ["BRIDGE-SPEECH-NOT-TAKEN"]  # nobody detects turns in this one
    assert ("session options", "refused by the bridge; its default session is used") in [
        (e.label, e.value) for e in at_row(report, "session").evidence
    ]


@pytest.mark.parametrize("code", list(BY_CLIENT_CODE))
async def test_an_error_in_place_of_the_session_is_the_true_cause(
    code: ClientCode, autojump_clock: trio.testing.MockClock
) -> None:
    detail = {"status": 401, "attempts": 1}
    says = {"kind": "error", "code": str(code), "message": "No.", "retryable": False, "suppressed": 0, "detail": detail}
    report = await look_in_memory(says=says)
    if code is ClientCode.INVALID_MESSAGE:  # read as refused options: requested again without any, refused again
        assert bad(report) == [("session", "BRIDGE-INVALID-MESSAGE")]
        return
    assert bad(report) == [("session", f"BRIDGE-{code.replace('_', '-')}")]
    assert explain(at_row(report, "session").code)


@pytest.mark.parametrize("code", ["SESSION_INITIALIZATION_FAILED", "CONNECTION_LOST"])
async def test_what_is_behind_a_general_error_is_named(code: str, autojump_clock: trio.testing.MockClock) -> None:
    detail = {"cause": "RATE_LIMITED", "code": "rate_limit_exceeded", "attempts": 3}
    says = {"kind": "error", "code": code, "message": "No.", "retryable": True, "suppressed": 0, "detail": detail}
    finding = at_row(await look_in_memory(says=says), "session")
    assert finding.code == "BRIDGE-RATE-LIMITED"
    shown = {e.label: e.value for e in finding.evidence}
    assert shown["detail"] == "cause RATE_LIMITED, code rate_limit_exceeded, attempts 3"
    assert "explain RATE-LIMITED" in shown["service"]


async def test_an_error_of_the_bridge_s_own_is_named_as_such(autojump_clock: trio.testing.MockClock) -> None:
    report = await look_in_memory(says={"kind": "error", "code": "OOPS", "message": "No."})
    assert bad(report) == [("session", "BRIDGE-UNKNOWN-CODE")]


async def test_a_token_is_never_shown_whatever_the_bridge_says(autojump_clock: trio.testing.MockClock) -> None:
    token = Secret("a-token-for-the-tests-0123456789")
    says = {"kind": "error", "code": "UPSTREAM_ERROR", "message": f"wrong: {token.reveal()}", "detail": {"code": token.reveal()}}  # fmt: skip  # noqa: E501 - one message
    report = await look_in_memory(says=says, token=token)
    assert token.reveal() not in repr(report)
    assert "token" in {e.label for e in report.target}


async def test_cancelling_a_run_closes_its_connection(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        target = memory_target(nursery, FaultyBridge("silent"))
        with trio.move_on_after(1) as scope:
            await run_probe(target)
        assert scope.cancelled_caught
        with trio.fail_after(5):
            await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
