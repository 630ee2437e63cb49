"""How a client connection ends: the client leaves, the bridge shuts down, the client exceeds a limit."""

from __future__ import annotations

import pytest

from bridge.core.commands import CloseClient, CloseUpstream, Forward, SendMessage
from bridge.core.events import (
    AttemptFailed,
    ClientGone,
    ClientLimitExceeded,
    ClientText,
    CreateSession,
    Drain,
    Tick,
)
from bridge.core.states import State
from tests.core.builders import (
    REFUSED_KEY,
    SESSION_OPTIONS,
    audio,
    audio_delta,
    errors,
    messages,
    new_session,
    of_type,
    play,
    ready_session,
    response_created,
    response_done,
)
from tests.core.playbook import Playbook, message_like

# 1. Initializing


# 8. End


def test_a_client_that_leaves_ends_its_upstream_session() -> None:
    session = ready_session()
    play(session, audio(1000))
    assert Playbook(session) >> ClientGone() << CloseUpstream(1, "client gone")
    assert session.deadline is None
    statistics = session.statistics()
    assert (statistics.state, statistics.buffered_ms, statistics.replay_ms) == (State.CLOSED, 0, 0)
    assert play(session, CreateSession(SESSION_OPTIONS), audio_delta(), Tick(), ClientGone(), now=99.0) == []


def test_a_client_that_leaves_cancels_the_attempt() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), audio(10))
    assert Playbook(session) >> ClientGone() << CloseUpstream(1, "client gone")


def test_draining_waits_for_the_response_and_then_closes() -> None:
    session = ready_session()
    play(session, response_created(), audio_delta())
    assert Playbook(session) >> Drain(10.0)
    assert session.deadline == 10.0
    assert (
        Playbook(session, now=3.0)
        >> response_done()
        << Forward("response.done", b"response.done")
        << SendMessage({"type": "session_closed", "generation": 1, "reason": "draining"})
        << CloseUpstream(1, "draining")
        << CloseClient(1001, "draining")
    )


def test_draining_waits_no_longer_than_the_grace_time_and_a_second_one_only_shortens_it() -> None:
    session = ready_session()
    play(session, response_created(), audio_delta(), Drain(10.0), Drain(60.0))
    assert of_type(CloseClient, play(session, Tick(), now=9.9)) == []
    assert of_type(CloseClient, play(session, Tick(), now=10.0)) == [CloseClient(1001, "draining")]
    session = ready_session()
    play(session, response_created(), audio_delta(), Drain(10.0))
    assert of_type(CloseClient, play(session, Drain(0.0), now=1.0))


@pytest.mark.parametrize("failed", [False, True])
def test_draining_without_a_session_is_over_at_once_even_with_something_buffered(failed: bool) -> None:
    session = new_session()
    if failed:
        play(session, CreateSession(SESSION_OPTIONS), AttemptFailed(1, REFUSED_KEY))
    play(session, audio(20), now=3.0)
    commands = play(session, Drain(60.0), now=6.0)
    assert messages(commands, "session_closed") == []
    assert messages(commands, "audio_dropped")[0]["chunks"] == 1
    assert commands[-1] == CloseClient(1001, "draining")


def test_no_session_is_begun_while_draining() -> None:
    session = ready_session()
    play(session, response_created(), Drain(10.0))
    assert errors(play(session, CreateSession(SESSION_OPTIONS))) == ["SERVER_BUSY"]


@pytest.mark.parametrize(
    ("code", "close_code", "retryable"),
    [("SLOW_CONSUMER", 1013, True), ("RATE_EXCEEDED", 1008, True), ("MESSAGE_TOO_LARGE", 1009, False)],
)
def test_a_client_past_its_limits_gets_an_error_and_is_disconnected(
    code: str, close_code: int, retryable: bool
) -> None:
    assert (
        Playbook(ready_session())
        >> ClientLimitExceeded(code, "Too much.", close_code)
        << message_like("error", code=code, retryable=retryable)
        << CloseUpstream(1, code)
        << CloseClient(close_code, code)
    )


def test_before_a_close_the_worst_error_held_back_goes_out_window_or_not() -> None:
    session = new_session()
    play(session, ClientText("a"), ClientText("b"))
    assert (
        Playbook(session, now=0.1)
        >> ClientLimitExceeded("SLOW_CONSUMER", "Too slow.", 1013)
        << message_like("audio_dropped", messages=2, reason="session_failed")
        << message_like("error", code="SLOW_CONSUMER", suppressed=1)
        << CloseClient(1013, "SLOW_CONSUMER")
    )


def test_before_the_close_of_a_drain_the_error_held_back_goes_out_too() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), AttemptFailed(1, REFUSED_KEY), ClientText("a"))
    commands = play(session, Drain(0.0), now=0.1)
    assert errors(commands) == ["NO_SESSION_EXISTS"]
    assert isinstance(commands[-1], CloseClient)
