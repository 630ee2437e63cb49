"""Lost sessions: what the fresh one is configured and restored with, and what is reported in `lost`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bridge.core.commands import Configure, OpenUpstream
from bridge.core.events import (
    AttemptFailed,
    ClientNative,
    Failure,
    Tick,
)
from bridge.core.states import State
from tests.core.builders import (
    REFUSED_KEY,
    SESSION_OPTIONS,
    UNAVAILABLE,
    configured_with_vad,
    created,
    errors,
    lost,
    messages,
    native,
    of_type,
    play,
    ready_session,
    upstream_error,
)
from tests.core.playbook import Playbook, message_like

if TYPE_CHECKING:
    from bridge.core.session import Session


def update(**session: Any) -> ClientNative:
    body = {"type": "session.update", "session": session}
    return ClientNative("session.update", json.dumps(body).encode(), body)


def test_a_lost_session_is_reopened_with_the_same_configuration() -> None:
    session = ready_session()
    assert Playbook(session) >> lost() << message_like("reconnecting", attempt=1) >> Tick()
    assert (
        Playbook(session, now=0.25)
        >> Tick()
        << OpenUpstream(2, SESSION_OPTIONS)
        >> AttemptFailed(2, UNAVAILABLE)
        << message_like("reconnecting", attempt=2, maxAttempts=5, delayMs=500, reason=UNAVAILABLE.message)
    )
    assert Configure(3, SESSION_OPTIONS, {}) in play(session, Tick(), created(3), now=0.75)


def test_updates_of_the_client_hold_in_the_fresh_session() -> None:
    session = ready_session()
    play(session, update(instructions="Be brief.", audio={"output": {"voice": "ash"}}), native("session.updated"))
    play(session, update(audio={"output": {"speed": 1.2}}, tools=[]), native("session.updated"))
    play(session, lost(), Tick())
    [configure] = of_type(Configure, play(session, Tick(), created(2), now=1.0))
    assert configure.updates == {
        "instructions": "Be brief.",
        "audio": {"output": {"voice": "ash", "speed": 1.2}},
        "tools": [],
    }


def test_an_update_that_was_not_answered_when_the_session_was_lost_holds_all_the_same() -> None:
    session = ready_session()
    play(session, update(instructions="Be brief."), lost(), Tick())
    [configure] = of_type(Configure, play(session, Tick(), created(2), now=1.0))
    assert configure.updates == {"instructions": "Be brief."}


def test_an_update_that_was_refused_does_not_spoil_the_fresh_session() -> None:
    session = ready_session()
    play(session, update(voice="nobody"), update(instructions="Be brief."))
    play(session, upstream_error("invalid_value", param="session.voice"), native("session.updated"), lost(), Tick())
    [configure] = of_type(Configure, play(session, Tick(), created(2), now=1.0))
    assert configure.updates == {"instructions": "Be brief."}


def test_turn_detection_of_another_type_takes_nothing_of_the_old_one_into_the_fresh_session() -> None:
    session = ready_session()
    for detection in ({"type": "server_vad", "threshold": 0.3}, {"type": "semantic_vad", "eagerness": "low"}):
        play(session, update(audio={"input": {"turn_detection": detection}}), native("session.updated"))
    play(session, lost(), Tick())
    [configure] = of_type(Configure, play(session, Tick(), created(2), now=1.0))
    assert configure.updates == {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}}}


REFUSED_FIELD = Failure(code="UPSTREAM_ERROR", message="Unknown parameter: 'session.nonsense'.", retryable=False)


def lost_with_an_update_that_is_refused_later() -> Session:
    """Generation 2 is being configured with a confirmed update and one that was not answered."""
    session = ready_session()
    play(session, update(instructions="Be brief."), native("session.updated", session={"instructions": "Be brief."}))
    play(session, update(nonsense=True), lost(), Tick())
    [configure] = of_type(Configure, play(session, Tick(), created(2), now=1.0))
    assert configure.updates == {"instructions": "Be brief.", "nonsense": True}
    return session


def test_an_update_that_only_the_fresh_session_refuses_is_reported_and_dropped() -> None:
    session = lost_with_an_update_that_is_refused_later()
    commands = play(session, lost(2, REFUSED_FIELD), now=1.1)
    [error] = messages(commands, "error")
    assert (error["code"], error["retryable"], error["message"]) == ("UPSTREAM_ERROR", False, REFUSED_FIELD.message)
    assert [one["attempt"] for one in messages(commands, "reconnecting")] == [2]
    [configure] = of_type(Configure, play(session, Tick(), created(3), now=9.0))
    assert configure.updates == {"instructions": "Be brief."}
    [told_of] = messages(play(session, configured_with_vad(3), now=9.0), "reconnected")
    assert (told_of["restored"]["config"], told_of["lost"]) == (True, ["a session.update that was refused"])


def test_a_refusal_without_an_update_in_doubt_is_final() -> None:
    session = lost_with_an_update_that_is_refused_later()
    play(session, lost(2, REFUSED_FIELD), now=1.1)
    play(session, Tick(), created(3), now=9.0)
    commands = play(session, lost(3, REFUSED_FIELD), now=19.0)
    assert errors(commands) == ["UPSTREAM_ERROR"]
    assert session.statistics().state is State.FAILED


@pytest.mark.parametrize("failed", [AttemptFailed(2, REFUSED_KEY), AttemptFailed(2, UNAVAILABLE)])
def test_a_failure_before_the_configuration_was_sent_says_nothing_about_updates(failed: AttemptFailed) -> None:
    session = ready_session()
    play(session, update(nonsense=True), lost(), Tick())
    play(session, Tick(), failed, now=1.0)
    if failed.failure.retryable:
        [configure] = of_type(Configure, play(session, Tick(), created(3), now=9.0))
        assert configure.updates == {"nonsense": True}
    else:
        assert session.statistics().state is State.FAILED


def test_a_broken_connection_says_nothing_about_updates_either() -> None:
    session = lost_with_an_update_that_is_refused_later()
    play(session, lost(2, UNAVAILABLE), now=1.1)
    [configure] = of_type(Configure, play(session, Tick(), created(3), now=9.0))
    assert configure.updates == {"instructions": "Be brief.", "nonsense": True}


def test_an_update_that_the_fresh_session_took_holds_from_then_on() -> None:
    session = lost_with_an_update_that_is_refused_later()
    play(session, configured_with_vad(2), lost(2, UNAVAILABLE), now=1.1)
    play(session, Tick(), created(3), now=9.0)
    assert play(session, lost(3, REFUSED_FIELD), now=9.1)
    assert session.statistics().state is State.FAILED


def test_five_attempts_for_one_loss_and_then_connection_lost() -> None:
    session = ready_session()
    commands, now = play(session, lost()), 0.0
    for generation in range(2, 7):
        now += 8.0
        commands += play(session, Tick(), AttemptFailed(generation, UNAVAILABLE), now=now)
    assert [one["attempt"] for one in messages(commands, "reconnecting")] == [1, 2, 3, 4, 5]
    [error] = messages(commands, "error")
    assert (error["code"], error["retryable"], error["detail"]["attempts"]) == ("CONNECTION_LOST", True, 5)
    assert error["detail"]["cause"] == "UPSTREAM_UNAVAILABLE"
    assert session.statistics().state is State.FAILED


def test_waits_grow_from_loss_to_loss_when_sessions_die_young() -> None:
    session = ready_session()
    delays, now = [], 0.0
    for generation in range(1, 7):
        commands = play(session, lost(generation), now=now)
        delays += [one["delayMs"] for one in messages(commands, "reconnecting")]
        now += 8.0
        play(session, Tick(), created(generation + 1), configured_with_vad(generation + 1), now=now)
    assert delays == [250, 500, 1000, 2000, 4000]
    assert session.statistics().state is State.FAILED


def test_a_stable_session_resets_the_count_of_attempts() -> None:
    session = ready_session()
    for generation in range(1, 20):
        [told_of] = messages(play(session, lost(generation), now=20.0 * generation), "reconnecting")
        assert told_of["attempt"] == 1
        play(session, Tick(), created(generation + 1), configured_with_vad(generation + 1), now=20.0 * generation + 1)
    assert session.statistics().reconnects == 19


def test_attempts_for_the_first_session_do_not_count_for_its_loss() -> None:
    session = ready_session()
    assert messages(play(session, lost(), now=0.5), "reconnecting")[0]["attempt"] == 1


def test_a_client_connection_gets_fifty_reconnects() -> None:
    session, commands = ready_session(), []
    for generation in range(1, 52):
        now = 20.0 * generation
        commands = play(session, lost(generation), now=now)
        if generation < 51:
            assert messages(commands, "reconnecting")
        play(session, Tick(), created(generation + 1), configured_with_vad(generation + 1), now=now + 1)
    assert errors(commands) == ["CONNECTION_LOST"]
