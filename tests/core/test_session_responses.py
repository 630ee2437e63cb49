"""Turns: one response at a time, interruptions, harmless errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.core.commands import SendEvent, SendFrame
from bridge.core.events import ClientNative, ClientText, ClientToolResult, Interrupt
from bridge.core.responses import MAX_QUEUED
from tests.core.builders import (
    CANCEL,
    CREATE,
    audio,
    audio_delta,
    errors,
    messages,
    native,
    of_type,
    play,
    ready_session,
    response_created,
    response_done,
    upstream_error,
)
from tests.core.playbook import Playbook, log_event_like

STOPPED, COMMITTED = "input_audio_buffer.speech_stopped", "input_audio_buffer.committed"


def ask(mark: int = 0, **response: Any) -> ClientNative:
    body = {"type": "response.create", "event_id": f"e{mark}", "response": response}
    return ClientNative("response.create", json.dumps(body).encode(), body)


def test_a_request_waits_for_the_end_of_the_running_response() -> None:
    session = ready_session()
    play(session, response_created())
    assert Playbook(session) >> ask(1)
    assert play(session, audio_delta(), response_done())[2:] == [SendFrame(1, ask(1).frame)]


def test_a_request_waits_for_one_whose_response_has_not_begun() -> None:
    session = ready_session()
    assert Playbook(session) >> ask(1) << SendFrame(1, ask(1).frame) >> ask(2)
    assert of_type(SendFrame, play(session, response_created())) == []
    assert of_type(SendFrame, play(session, response_done())) == [SendFrame(1, ask(2).frame)]


def test_a_request_waits_for_the_answer_that_turn_detection_will_begin() -> None:
    session = ready_session()
    play(session, audio(200), native(STOPPED, audio_end_ms=200), native(COMMITTED, item_id="i1"))
    commands = play(session, ClientText("hi"))
    assert CREATE not in [one.event for one in of_type(SendEvent, commands)]
    assert SendEvent(1, CREATE) not in play(session, response_created())
    assert SendEvent(1, CREATE) in play(session, response_done())


def test_waiting_requests_go_upstream_in_order_each_after_the_one_before() -> None:
    session = ready_session()
    sent = of_type(SendFrame, play(session, ask(1), ask(2), ask(3)))
    for response in ("a", "b", "c"):
        sent += of_type(SendFrame, play(session, response_created(response)))
        sent += of_type(SendFrame, play(session, response_done(response)))
    assert [one.frame for one in sent] == [ask(n).frame for n in (1, 2, 3)]


def test_out_of_band_requests_neither_wait_nor_make_others_wait() -> None:
    session = ready_session()
    play(session, response_created())
    beside = ask(1, conversation="none")
    assert Playbook(session) >> beside << SendFrame(1, beside.frame)
    play(session, response_created("oob", conversation_id=None), response_done())
    assert of_type(SendFrame, play(session, ask(2))) == [SendFrame(1, ask(2).frame)]


def test_the_end_of_an_out_of_band_response_is_not_the_end_of_the_active_one() -> None:
    session = ready_session()
    play(session, response_created(), response_created("oob", conversation_id=None), ask(1))
    assert of_type(SendFrame, play(session, response_done("oob"))) == []
    assert of_type(SendFrame, play(session, response_done())) == [SendFrame(1, ask(1).frame)]


def test_a_request_during_an_active_response_is_sent_again_after_it_and_not_reported() -> None:
    session = ready_session()
    refused = upstream_error("conversation_already_has_active_response")
    play(session, ask(1))
    assert Playbook(session) >> refused << log_event_like("response.waits")
    assert of_type(SendFrame, play(session, response_done("unknown"))) == [SendFrame(1, ask(1).frame)]


def test_a_request_that_crossed_the_beginning_of_a_response_is_not_forgotten() -> None:
    session = ready_session()
    play(
        session,
        ask(1),
        response_created("by_vad"),
        upstream_error("conversation_already_has_active_response", harmless=True),
    )
    assert of_type(SendFrame, play(session, response_done("by_vad"))) == [SendFrame(1, ask(1).frame)]


def test_too_many_waiting_requests_are_refused() -> None:
    session = ready_session()
    play(session, response_created(), *(ask(n) for n in range(MAX_QUEUED)))
    assert errors(play(session, ask(99))) == ["RATE_EXCEEDED"]


def test_an_interruption_forgets_requests_that_wait() -> None:
    session = ready_session()
    play(session, response_created(), audio_delta(), ask(1))
    assert Playbook(session) >> Interrupt() << SendEvent(1, CANCEL)
    assert of_type(SendFrame, play(session, response_done(status="cancelled"))) == []


def test_an_interruption_cancels_a_request_that_has_not_begun_and_nothing_when_nothing_runs() -> None:
    session = ready_session()
    assert Playbook(session) >> Interrupt(None, 100)
    play(session, ask(1))
    assert Playbook(session) >> Interrupt() << SendEvent(1, CANCEL)


def test_an_interruption_never_truncates_a_tool_call() -> None:
    session = ready_session()
    call = {"id": "f1", "type": "function_call"}
    play(session, response_created(), native("response.output_item.added", response_id="resp_1", item=call))
    assert Playbook(session) >> Interrupt(None, 100) << SendEvent(1, CANCEL)


@pytest.mark.parametrize("code", ["response_cancel_not_active", "whatever_is_said_to_be_harmless"])
def test_harmless_errors_are_counted_and_not_shown(code: str) -> None:
    session = ready_session()
    assert (
        Playbook(session) >> upstream_error(code, harmless=True) << log_event_like("upstream.harmless_error", code=code)
    )


def test_two_tool_results_are_answered_one_after_the_other() -> None:
    session = ready_session()
    commands = play(session, ClientToolResult("a", "1"), ClientToolResult("b", "2"))
    kinds = [one.event["type"] for one in of_type(SendEvent, commands)]
    assert kinds == ["conversation.item.create", "response.create", "conversation.item.create"]


def test_a_failed_response_is_an_error_and_lets_the_next_one_begin() -> None:
    session = ready_session()
    play(session, ask(1), response_created(), ask(2))
    failure = {"type": "server_error", "code": None, "message": "It broke."}
    commands = play(session, response_done(status="failed", status_details={"type": "failed", "error": failure}))
    [error] = messages(commands, "error")
    assert (error["code"], error["message"], error["retryable"]) == ("UPSTREAM_ERROR", "It broke.", True)
    assert error["detail"] == {"upstream": failure, "responseId": "resp_1"}
    assert of_type(SendFrame, commands) == [SendFrame(1, ask(2).frame)]


def test_a_response_that_failed_for_want_of_credit_is_not_retryable() -> None:
    failed = response_done(
        status="failed", status_details={"error": {"type": "insufficient_quota", "message": "Empty."}}
    )
    assert messages(play(ready_session(), failed), "error")[0]["retryable"] is False
