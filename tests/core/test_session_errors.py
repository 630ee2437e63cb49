"""Errors to the client: the codes that the core sends, and the throttle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.core.commands import SendMessage
from bridge.core.events import (
    AttemptFailed,
    BadMessage,
    ClientAudio,
    ClientCommit,
    ClientLimitExceeded,
    ClientNative,
    ClientText,
    ClientToolResult,
    CreateSession,
    Drain,
    Event,
    Failure,
    Interrupt,
    Tick,
)
from tests.core.builders import (
    REFUSED_KEY,
    SESSION_OPTIONS,
    UNAVAILABLE,
    audio,
    configured_with_vad,
    created,
    errors,
    lost,
    messages,
    new_session,
    of_type,
    play,
    ready_session,
    upstream_error,
)
from tests.core.playbook import Playbook, log_event_like, message_like

if TYPE_CHECKING:
    from bridge.core.session import Session

HELD: list[Event] = [
    audio(20),
    ClientCommit(),
    ClientText("hi"),
    ClientToolResult("c", "o"),
    ClientNative("response.create", b"{}"),
]
BAD_JSON = BadMessage("INVALID_MESSAGE", "That is not JSON.")


def named(event: Event) -> str:
    return type(event).__name__


@pytest.mark.parametrize("event", HELD, ids=named)
def test_input_is_buffered_and_gets_an_error_without_a_session(event: Event) -> None:
    session = new_session()
    assert Playbook(session) >> event << message_like("error", code="NO_SESSION_EXISTS", retryable=True, generation=0)
    play(session, CreateSession(SESSION_OPTIONS), created())
    assert len(play(session, configured_with_vad())) > 2


def test_an_interruption_without_a_session_gets_an_error() -> None:
    assert errors(play(new_session(), Interrupt())) == ["NO_SESSION_EXISTS"]


@pytest.mark.parametrize("event", HELD, ids=named)
def test_nothing_is_wrong_while_the_first_session_is_starting(event: Event) -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS))
    assert Playbook(session) >> event >> Interrupt()


@pytest.mark.parametrize("event", HELD, ids=named)
def test_input_is_buffered_and_gets_an_error_while_reconnecting(event: Event) -> None:
    session = ready_session()
    play(session, lost())
    assert Playbook(session) >> event << message_like("error", code="SESSION_NOT_READY", retryable=True)
    statistics = session.statistics()
    assert statistics.buffered_ms + statistics.buffered_messages > 0


@pytest.mark.parametrize("event", HELD, ids=named)
def test_after_failure_there_is_no_session_and_what_comes_is_buffered_for_the_next(event: Event) -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), AttemptFailed(1, REFUSED_KEY))
    assert errors(play(session, event, now=5.0)) == ["NO_SESSION_EXISTS"]
    statistics = session.statistics()
    assert statistics.buffered_ms + statistics.buffered_messages > 0


def test_the_error_about_an_invalid_message_has_its_event_id() -> None:
    bad = BadMessage("INVALID_MESSAGE", "No.", {"eventId": "mine"})
    assert Playbook(new_session()) >> bad << message_like("error", code="INVALID_MESSAGE", detail={"eventId": "mine"})


def test_a_frame_of_the_upstream_that_is_no_event_is_reported_and_logged() -> None:
    logged, shown = log_event_like("upstream.unreadable"), message_like("error", code="UPSTREAM_ERROR")
    assert (
        Playbook(ready_session())
        >> upstream_error("unreadable_frame")
        << logged
        << log_event_like("error.sent")
        << shown
    )


def test_an_upstream_error_is_shown_with_the_native_object() -> None:
    upstream = upstream_error("invalid_value", param="item.id", retryable=False)
    [error] = messages(play(ready_session(), upstream), "error")
    assert (error["code"], error["retryable"], error["message"]) == ("UPSTREAM_ERROR", False, upstream.failure.message)
    assert error["detail"]["upstream"] == {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "param": "item.id",
    }


def test_an_upstream_error_has_the_code_upstream_error_whatever_its_cause() -> None:
    limited = upstream_error("rate_limit_exceeded")
    renamed = type(limited)(1, Failure(code="RATE_LIMITED", message="Slow.", retryable=True), limited.upstream, False)
    [error] = messages(play(ready_session(), renamed), "error")
    assert (error["code"], error["retryable"]) == ("UPSTREAM_ERROR", True)


def test_an_error_that_does_not_end_the_session_ends_nothing() -> None:
    session = ready_session()
    play(session, upstream_error("invalid_value"))
    assert play(session, ClientAudio(b"\0\0"))


def test_an_invalid_message_gets_an_error_and_nothing_else() -> None:
    assert (
        Playbook(new_session())
        >> BAD_JSON
        << message_like("error", code="INVALID_MESSAGE", retryable=False, suppressed=0)
    )


@pytest.mark.parametrize("retry_after", [None, 2.5])
def test_a_failed_start_reports_its_cause(retry_after: float | None) -> None:
    detail = {"status": 503, "requestId": "req_1"}
    failure = Failure(
        code="UPSTREAM_UNAVAILABLE", message="Busy.", retryable=True, retry_after_seconds=retry_after, detail=detail
    )
    session, now = new_session(), 0.0
    commands = play(session, CreateSession(SESSION_OPTIONS))
    for generation in (1, 2, 3):
        commands += play(session, AttemptFailed(generation, failure), now=now)
        now += 10.0
        commands += play(session, Tick(), now=now)
    [error] = messages(commands, "error")
    wanted = {"cause": "UPSTREAM_UNAVAILABLE", "attempts": 3, **detail}
    assert error["detail"] == (wanted if retry_after is None else {**wanted, "retryAfterMs": 2500})


# The throttle


def test_the_first_error_is_sent_at_once_and_no_other_for_two_seconds() -> None:
    session = new_session()
    assert Playbook(session) >> BAD_JSON << message_like("error")
    assert Playbook(session, now=0.5) >> BAD_JSON
    assert Playbook(session, now=1.99) >> BAD_JSON >> Tick()
    assert session.deadline == 2.0
    assert Playbook(session, now=2.0) >> Tick() << message_like("error", suppressed=1)
    assert Playbook(session, now=3.9) >> BAD_JSON
    assert Playbook(session, now=4.0) >> Tick() << message_like("error", suppressed=0)
    assert session.deadline is None


def test_not_retryable_beats_retryable_and_later_beats_earlier() -> None:
    session = ready_session()
    play(session, BAD_JSON)
    play(session, upstream_error("a", retryable=True), upstream_error("b"), upstream_error("c"), now=0.1)
    play(session, upstream_error("d", retryable=True), now=0.2)
    [error] = messages(play(session, Tick(), now=2.0), "error")
    assert (error["detail"]["upstream"]["code"], error["suppressed"]) == ("c", 3)


def test_an_error_behind_an_open_window_stands_for_those_held_back() -> None:
    session = new_session()
    play(session, BAD_JSON, BAD_JSON)
    [error] = messages(play(session, BAD_JSON, now=2.5), "error")
    assert error["suppressed"] == 1


def test_an_error_that_ends_the_session_is_never_lost_behind_a_worse_one() -> None:
    session, commands = new_session(attempts=1), []
    play(session, BAD_JSON, CreateSession(SESSION_OPTIONS), AttemptFailed(1, UNAVAILABLE), now=0.0)
    commands += play(
        session, BAD_JSON, CreateSession(SESSION_OPTIONS), AttemptFailed(2, REFUSED_KEY), BAD_JSON, now=0.5
    )
    for now in (2.0, 4.0, 6.0):
        commands += play(session, Tick(), now=now)
    sent = [(one["code"], one["generation"], one["suppressed"]) for one in messages(commands, "error")]
    assert sent == [("AUTHENTICATION_FAILED", 2, 2), ("SESSION_INITIALIZATION_FAILED", 1, 0)]


def test_a_late_error_is_about_its_own_generation() -> None:
    session = new_session()
    play(session, BAD_JSON, CreateSession(SESSION_OPTIONS), AttemptFailed(1, REFUSED_KEY))
    play(session, CreateSession(SESSION_OPTIONS), created(2), configured_with_vad(2), now=1.0)
    [error] = messages(play(session, Tick(), now=2.0), "error")
    assert error["generation"] == 1


def test_every_message_about_a_session_carries_its_generation() -> None:
    session = new_session()
    commands = play(
        session, audio(20), CreateSession(SESSION_OPTIONS), created(), configured_with_vad(), lost(), audio(20)
    )
    assert all(isinstance(sent.message["generation"], int) for sent in of_type(SendMessage, commands))


def test_an_error_about_a_lost_session_that_comes_when_it_is_back_says_that_it_is_outdated() -> None:
    session = ready_session()
    play(session, BAD_JSON, lost(), audio(20))
    play(session, Tick(), created(2), configured_with_vad(2), now=1.0)
    [error] = messages(play(session, Tick(), now=2.0), "error")
    assert (error["code"], error["generation"], error["detail"]) == ("SESSION_NOT_READY", 1, {"outdated": True})


def test_an_error_about_a_missing_session_that_comes_when_there_is_one_says_that_it_is_outdated() -> None:
    session = new_session()
    play(session, BAD_JSON, audio(20), CreateSession(SESSION_OPTIONS))
    [error] = messages(play(session, Tick(), now=2.0), "error")
    assert (error["code"], error["detail"]) == ("NO_SESSION_EXISTS", {"outdated": True})


@pytest.mark.parametrize("returned", [False, True])
def test_an_error_that_is_still_so_or_may_be_is_not_outdated(returned: bool) -> None:
    session = ready_session()
    play(session, BAD_JSON, upstream_error("a") if returned else lost(), audio(20))
    [error] = messages(play(session, Tick(), now=2.0), "error")
    assert "outdated" not in error.get("detail", {})


def test_what_was_so_until_the_close_is_not_outdated() -> None:
    session = new_session()
    play(session, BAD_JSON, audio(20))
    [error] = messages(play(session, Drain(3.0), now=1.0), "error")
    assert error["code"] == "NO_SESSION_EXISTS"
    assert "detail" not in error


def test_at_the_close_the_worst_one_stands_for_all_others() -> None:
    session = ready_session()
    play(session, BAD_JSON, upstream_error("a"), lost(1, REFUSED_KEY), BAD_JSON)
    commands = play(session, ClientLimitExceeded("MESSAGE_TOO_LARGE", "Too large.", 1009))
    [error] = messages(commands, "error")
    assert (error["code"], error["suppressed"]) == ("MESSAGE_TOO_LARGE", 3)


def sdk_session() -> Session:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS, native=True), created(), configured_with_vad())
    return session


def test_an_sdk_gets_an_answer_to_each_of_its_events() -> None:
    session = sdk_session()
    refused = [upstream_error("item_retrieve_invalid_item_id", event_id=f"mine-{number}") for number in range(4)]
    sent = messages(play(session, *refused), "error")
    assert [one["detail"]["upstream"]["event_id"] for one in sent] == ["mine-0", "mine-1", "mine-2", "mine-3"]
    bad = [BadMessage("INVALID_MESSAGE", "No.", {"eventId": f"mine-{number}"}) for number in range(2)]
    assert len(errors(play(session, *bad))) == 2


def test_an_sdk_does_not_wait_for_the_end_of_its_session() -> None:
    session = sdk_session()
    assert errors(play(session, upstream_error("one"))) == ["UPSTREAM_ERROR"]
    assert errors(play(session, lost(1, REFUSED_KEY))) == ["AUTHENTICATION_FAILED"]
    session = ready_session()
    play(session, upstream_error("one"))
    assert errors(play(session, lost(1, REFUSED_KEY))) == []


def test_an_answer_to_an_sdk_closes_no_window() -> None:
    session = sdk_session()
    play(session, upstream_error("item_retrieve_invalid_item_id", event_id="mine"))
    assert len(errors(play(session, upstream_error("one"), upstream_error("two")))) == 1


def test_a_harmless_error_answers_the_event_of_an_sdk_that_it_names() -> None:
    session = sdk_session()
    code = "response_cancel_not_active"
    assert not errors(play(session, upstream_error(code, harmless=True, event_id=None)))
    assert errors(play(session, upstream_error(code, harmless=True, event_id="mine")))


def test_at_the_client_endpoint_such_errors_are_throttled_and_harmless_ones_left_out() -> None:
    session = ready_session()
    assert not errors(play(session, upstream_error("response_cancel_not_active", harmless=True, event_id="mine")))
    refused = [upstream_error("item_retrieve_invalid_item_id", event_id=f"mine-{number}") for number in range(4)]
    assert len(errors(play(session, *refused))) == 1
