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
    """Where, and at which attempts, a visit is not let in."""
    visits = [
        ClientAttempt(endpoint=place, number=attempt, is_azure=azure) for place in ApiEndpoint for attempt in attempts
    ]
    return {(visit.endpoint.value, visit.number) for visit in visits if fault.refuse(visit) is not None}


def test_the_fault_that_does_nothing_does_nothing() -> None:
    assert refused(Fault(), attempts=(1, 2)) == set()
    assert apply_faults([Fault()], SessionBehaviour()) == SessionBehaviour()


@pytest.mark.parametrize("code", SERVICE_ERRORS)
def test_a_refusal_at_the_socket_comes_behind_the_handshake(code: str) -> None:
    fault = RefuseFault(code)
    assert refused(fault) == set()
    assert fault.change_behaviour(SessionBehaviour(), 1).refusal == SERVICE_ERRORS[code]


@pytest.mark.parametrize("code", REST_STATUS)
def test_a_refusal_elsewhere_is_an_http_answer(code: str) -> None:
    fault = RefuseFault(code, on="mint", retry_after=20)
    answer = fault.refuse(ClientAttempt(endpoint=ApiEndpoint.MINT, number=1))
    assert answer == HttpRefusal(status=REST_STATUS[code], error=SERVICE_ERRORS[code], headers=(("retry-after", "20"),))
    assert refused(fault) == {("mint", 1)}
    assert fault.change_behaviour(SessionBehaviour(), 1).refusal is None


def test_azure_refuses_the_socket_over_http() -> None:
    answer = RefuseFault("invalid_api_key").refuse(ClientAttempt(endpoint=ApiEndpoint.SOCKET, number=1, is_azure=True))
    assert isinstance(answer, HttpRefusal)
    assert answer.status == 401


def test_a_refusal_can_be_everywhere_or_at_some_places() -> None:
    assert refused(RefuseFault(on="all")) == {("models", 1), ("mint", 1), ("elsewhere", 1)}
    assert refused(RefuseFault(on="mint+models"), attempts=(1, 2)) == {
        (place, n) for place in ("models", "mint") for n in (1, 2)
    }
    assert RefuseFault(on="all").change_behaviour(SessionBehaviour(), 1).refusal is not None


def test_a_refusal_can_end_after_some_times() -> None:
    fault = RefuseFault("server_error", on="all", times=2)
    everywhere = ("models", "mint", "elsewhere")
    assert refused(fault, attempts=(1, 2, 3)) == {(place, n) for place in everywhere for n in (1, 2)}
    assert [fault.change_behaviour(SessionBehaviour(), n).refusal is None for n in (1, 2, 3)] == [False, False, True]


def test_an_http_status_is_answered_where_and_as_often_as_told() -> None:
    assert refused(HttpFault(503, on="mint+socket", times=2), attempts=(2, 3)) == {("mint", 2), ("socket", 2)}
    assert refused(HttpFault(on="all")) == {(place.value, 1) for place in ApiEndpoint}
    answer = HttpFault(503, retry_after=5).refuse(ClientAttempt(endpoint=ApiEndpoint.SOCKET, number=99))
    assert isinstance(answer, HttpRefusal)
    assert (answer.status, answer.headers) == (503, (("retry-after", "5"),))
    assert answer.error is not None
    assert answer.error.code == "server_is_overloaded"


def test_a_status_that_the_service_never_gave_comes_with_a_page() -> None:
    answer = HttpFault(418).refuse(ClientAttempt(endpoint=ApiEndpoint.SOCKET, number=1))
    assert answer == HttpRefusal(status=418, error=None)


@pytest.mark.parametrize("how", list(BadHandshake))
def test_only_the_handshake_of_a_socket_is_spoilt(how: BadHandshake) -> None:
    fault = HandshakeFault(how.value, times=1)
    assert fault.refuse(ClientAttempt(endpoint=ApiEndpoint.SOCKET, number=1)) is how
    assert refused(fault, attempts=(1, 2)) == {("socket", 1)}


@pytest.mark.parametrize(("seconds", "at"), [(3.0, 3.0), (0.0, 0.0)])
def test_a_session_is_created_late(seconds: float, at: float) -> None:
    player = SimulatorHarness(faults=[CreateFault(seconds)], open_session=False)
    player.run_until_idle()
    assert player.at("session.created") == at


def test_a_session_is_created_never() -> None:
    player = SimulatorHarness(faults=[CreateFault(-1)])
    assert player.wait(4_000) == []


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
def test_responses_end_as_told(fault: Fault, statuses: list[str]) -> None:
    player = SimulatorHarness(faults=[fault])
    for _ in range(2):
        player.send("response.create")
        player.run_until_idle()
    assert [event["response"]["status"] for event in player.all("response.done")] == statuses
    assert player.all("error") == []


def test_a_failed_response_carries_the_error_that_was_asked_for() -> None:
    player = SimulatorHarness(faults=[ReplyFault("fail", code="rate_limit_exceeded")])
    player.send("response.create")
    assert player.until("response.done")["response"]["status_details"]["error"]["code"] == "rate_limit_exceeded"


def test_a_reply_can_be_a_function_call() -> None:
    player = SimulatorHarness(faults=[ReplyFault("function")])
    player.send("response.create", response={"tools": [{"type": "function", "name": "f"}]})
    assert player.until("response.output_item.done")["item"]["name"] == "f"


@pytest.mark.parametrize(("how", "end"), [("fail", ["failed"]), ("never", [])])
def test_transcriptions_end_as_told(how: str, end: list[str]) -> None:
    player = SimulatorHarness(SessionKind.TRANSCRIPTION, faults=[TranscriptionFault(how)])
    audio = {"input": {"transcription": {"model": "whisper-1"}}}
    player.send("session.update", session={"type": "transcription", "audio": audio})
    player.say()
    assert [event["type"].rpartition(".")[2] for event in player.run_until_idle()] == end


def test_a_storm_blows_at_its_rate() -> None:
    player = SimulatorHarness(faults=[StormFault(20)])
    player.send("session.update", session={"type": "realtime"})
    assert len(player.wait(2.001)) == 40


def test_a_session_expires_at_its_age() -> None:
    player = SimulatorHarness(faults=[ExpireFault(5)])
    player.run_until_idle()
    assert (player.closed_at, player.types[-1]) == (5, "error")


def test_faults_compose() -> None:
    behaviour = apply_faults(
        [CreateFault(1), ExpireFault(9), RefuseFault(times=1), CreateFault(2)], SessionBehaviour(), attempt_number=2
    )
    assert (behaviour.create_seconds, behaviour.session_seconds, behaviour.refusal) == (2, 9, None)


def test_an_answer_can_be_of_ones_own_words() -> None:
    player = SimulatorHarness(faults=[SayFault("It is nine o'clock.")])
    player.type("What time is it?")
    player.send("response.create", response={"output_modalities": ["text"]})
    assert player.until("response.output_text.done")["text"] == "It is nine o'clock."


@pytest.mark.parametrize(("where", "after"), [("before", False), ("after", True), ("never", None)])
def test_what_is_described_and_not_recorded_can_be_had(where: str, *, after: bool | None) -> None:
    player = SimulatorHarness(faults=[DescribedFault(rate_limits=where)])
    player.type("Hi")
    player.send("response.create", response={"output_modalities": ["text"]})
    player.run_until_idle()
    assert player.types[1] == "conversation.created"
    assert not any("obfuscation" in event for event in player.events)
    if after is None:
        assert "rate_limits.updated" not in player.types
    else:
        assert (player.types[-1] == "rate_limits.updated") is after
        assert player.one("rate_limits.updated")
