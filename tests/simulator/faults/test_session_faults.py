"""Faults of admission and of the session: each does what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.protocol.dialects.detection import SessionKind
from bridge.simulator.errors.service_errors import REST_STATUS, SERVICE_ERRORS
from bridge.simulator.faults.base import ApiEndpoint, BadHandshake, ClientAttempt, Fault, HttpRefusal, apply_faults
from bridge.simulator.faults.session_faults import (
    ConfirmFault,
    CreateFault,
    DescribedFault,
    ExpireFault,
    HandshakeFault,
    HttpFault,
    RefuseFault,
    ReplyFault,
    SayFault,
    StormFault,
    TranscriptionFault,
)
from bridge.simulator.session.behaviour import SessionBehaviour
from tests.simulator.session_harness import SimulatorHarness

if TYPE_CHECKING:
    from collections.abc import Iterable


def refused(fault: Fault, *, attempts: Iterable[int] = (1,), azure: bool = False) -> set[tuple[str, int]]:
    """Return at which endpoints, and at which attempts, a client is refused."""
    tried = [
        ClientAttempt(endpoint=endpoint, number=attempt, is_azure=azure)
        for endpoint in ApiEndpoint
        for attempt in attempts
    ]
    return {(attempt.endpoint.value, attempt.number) for attempt in tried if fault.refuse(attempt) is not None}


def test_the_fault_that_does_nothing_does_nothing() -> None:
    assert refused(Fault(), attempts=(1, 2)) == set()
    assert apply_faults([Fault()], SessionBehaviour()) == SessionBehaviour()


@pytest.mark.parametrize("code", SERVICE_ERRORS)
def test_a_refusal_of_a_websocket_comes_after_the_handshake(code: str) -> None:
    fault = RefuseFault(code)
    assert refused(fault) == set()
    assert fault.change_behaviour(SessionBehaviour(), 1).refusal == SERVICE_ERRORS[code]


@pytest.mark.parametrize("code", REST_STATUS)
def test_a_refusal_at_a_rest_endpoint_is_an_http_error(code: str) -> None:
    fault = RefuseFault(code, on="mint", retry_after=20)
    answer = fault.refuse(ClientAttempt(endpoint=ApiEndpoint.MINT, number=1))
    assert answer == HttpRefusal(status=REST_STATUS[code], error=SERVICE_ERRORS[code], headers=(("retry-after", "20"),))
    assert refused(fault) == {("mint", 1)}
    assert fault.change_behaviour(SessionBehaviour(), 1).refusal is None


def test_azure_refuses_the_socket_over_http() -> None:
    answer = RefuseFault("invalid_api_key").refuse(ClientAttempt(endpoint=ApiEndpoint.SOCKET, number=1, is_azure=True))
    assert isinstance(answer, HttpRefusal)
    assert answer.status == 401


def test_a_refusal_can_be_at_all_endpoints_or_at_some() -> None:
    assert refused(RefuseFault(on="all")) == {("models", 1), ("mint", 1), ("elsewhere", 1)}
    assert refused(RefuseFault(on="mint+models"), attempts=(1, 2)) == {
        (endpoint, n) for endpoint in ("models", "mint") for n in (1, 2)
    }
    assert RefuseFault(on="all").change_behaviour(SessionBehaviour(), 1).refusal is not None


def test_a_refusal_can_end_after_some_attempts() -> None:
    fault = RefuseFault("server_error", on="all", times=2)
    everywhere = ("models", "mint", "elsewhere")
    assert refused(fault, attempts=(1, 2, 3)) == {(endpoint, n) for endpoint in everywhere for n in (1, 2)}
    assert [fault.change_behaviour(SessionBehaviour(), n).refusal is None for n in (1, 2, 3)] == [False, False, True]


def test_an_http_status_is_sent_at_the_configured_endpoints_and_times() -> None:
    assert refused(HttpFault(503, on="mint+socket", times=2), attempts=(2, 3)) == {("mint", 2), ("socket", 2)}
    assert refused(HttpFault(on="all")) == {(endpoint.value, 1) for endpoint in ApiEndpoint}
    answer = HttpFault(503, retry_after=5).refuse(ClientAttempt(endpoint=ApiEndpoint.SOCKET, number=99))
    assert isinstance(answer, HttpRefusal)
    assert (answer.status, answer.headers) == (503, (("retry-after", "5"),))
    assert answer.error is not None
    assert answer.error.code == "server_is_overloaded"


def test_a_status_that_the_service_never_gave_comes_with_a_page() -> None:
    answer = HttpFault(418).refuse(ClientAttempt(endpoint=ApiEndpoint.SOCKET, number=1))
    assert answer == HttpRefusal(status=418, error=None)


@pytest.mark.parametrize("how", list(BadHandshake))
def test_only_the_handshake_of_a_websocket_is_broken(how: BadHandshake) -> None:
    fault = HandshakeFault(how.value, times=1)
    assert fault.refuse(ClientAttempt(endpoint=ApiEndpoint.SOCKET, number=1)) is how
    assert refused(fault, attempts=(1, 2)) == {("socket", 1)}


@pytest.mark.parametrize(("seconds", "at"), [(3.0, 3.0), (0.0, 0.0)])
def test_a_session_is_created_late(seconds: float, at: float) -> None:
    harness = SimulatorHarness(faults=[CreateFault(seconds)], open_session=False)
    harness.run_until_idle()
    assert harness.at("session.created") == at


def test_a_session_is_never_created() -> None:
    harness = SimulatorHarness(faults=[CreateFault(-1)])
    assert harness.wait(4_000) == []


@pytest.mark.parametrize(("how", "answer"), [("never", []), ("refuse", ["error"])])
def test_an_update_is_not_confirmed(how: str, answer: list[str]) -> None:
    events = SimulatorHarness(faults=[ConfirmFault(how)]).send("session.update", session={"type": "realtime"})
    assert [event["type"] for event in events] == answer


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        (ReplyFault("fail"), ["failed", "failed"]),
        (ReplyFault("fail", after=1), ["completed", "failed"]),
        (ReplyFault("silence"), []),
        (ReplyFault("echo"), ["completed", "completed"]),
    ],
)
def test_responses_end_as_configured(fault: Fault, statuses: list[str]) -> None:
    harness = SimulatorHarness(faults=[fault])
    for _ in range(2):
        harness.send("response.create")
        harness.run_until_idle()
    assert [event["response"]["status"] for event in harness.all("response.done")] == statuses
    assert harness.all("error") == []


def test_a_failed_response_has_the_configured_error() -> None:
    harness = SimulatorHarness(faults=[ReplyFault("fail", code="rate_limit_exceeded")])
    harness.send("response.create")
    assert harness.until("response.done")["response"]["status_details"]["error"]["code"] == "rate_limit_exceeded"


def test_a_reply_can_be_a_function_call() -> None:
    harness = SimulatorHarness(faults=[ReplyFault("function")])
    harness.send("response.create", response={"tools": [{"type": "function", "name": "f"}]})
    assert harness.until("response.output_item.done")["item"]["name"] == "f"


@pytest.mark.parametrize(("how", "end"), [("fail", ["failed"]), ("never", [])])
def test_transcriptions_end_as_configured(how: str, end: list[str]) -> None:
    harness = SimulatorHarness(SessionKind.TRANSCRIPTION, faults=[TranscriptionFault(how)])
    audio = {"input": {"transcription": {"model": "whisper-1"}}}
    harness.send("session.update", session={"type": "transcription", "audio": audio})
    harness.say()
    assert [event["type"].rpartition(".")[2] for event in harness.run_until_idle()] == end


def test_a_storm_has_its_configured_rate() -> None:
    harness = SimulatorHarness(faults=[StormFault(20)])
    harness.send("session.update", session={"type": "realtime"})
    assert len(harness.wait(2.001)) == 40


def test_a_session_expires_at_its_age() -> None:
    harness = SimulatorHarness(faults=[ExpireFault(5)])
    harness.run_until_idle()
    assert (harness.closed_at, harness.types[-1]) == (5, "error")


def test_faults_compose() -> None:
    behaviour = apply_faults(
        [CreateFault(1), ExpireFault(9), RefuseFault(times=1), CreateFault(2)], SessionBehaviour(), attempt_number=2
    )
    assert (behaviour.create_seconds, behaviour.session_seconds, behaviour.refusal) == (2, 9, None)


def test_a_response_can_have_a_custom_text() -> None:
    harness = SimulatorHarness(faults=[SayFault("It is nine o'clock.")])
    harness.type("What time is it?")
    harness.send("response.create", response={"output_modalities": ["text"]})
    assert harness.until("response.output_text.done")["text"] == "It is nine o'clock."


@pytest.mark.parametrize(("where", "after"), [("before", False), ("after", True), ("never", None)])
def test_documented_behaviour_can_replace_recorded_behaviour(where: str, *, after: bool | None) -> None:
    harness = SimulatorHarness(faults=[DescribedFault(rate_limits=where)])
    harness.type("Hi")
    harness.send("response.create", response={"output_modalities": ["text"]})
    harness.run_until_idle()
    assert harness.types[1] == "conversation.created"
    assert not any("obfuscation" in event for event in harness.events)
    if after is None:
        assert "rate_limits.updated" not in harness.types
    else:
        assert (harness.types[-1] == "rate_limits.updated") is after
        assert harness.one("rate_limits.updated")
