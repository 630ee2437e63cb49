from __future__ import annotations

from bridge.core.events import ClientGone, ClientText, CreateSession, Tick
from bridge.core.session import Session, SessionStatistics
from bridge.core.states import Phase, State
from tests.core.builders import (
    MANUAL,
    SESSION_OPTIONS,
    audio,
    audio_delta,
    configured,
    created,
    lost,
    new_session,
    play,
    ready_session,
)
from tests.core.playbook import Playbook, log_event_like, message_like
from tests.memory import held_bytes


def test_an_idle_session_takes_a_few_kilobytes_and_speech_little_more_than_its_bytes() -> None:
    one, ten = ready_session(), [ready_session() for _ in range(10)]
    each = (held_bytes(one, *ten) - held_bytes(one)) / 10
    assert each < 6 * 1024
    before = held_bytes(one)
    for mark in range(1000):
        assert one.relay_audio(audio(20, mark % 251).pcm, 0.0)
    assert held_bytes(one) - before < 1.1 * 1000 * len(audio(20).pcm)


def test_statistics_say_how_a_session_stands() -> None:
    session = new_session()
    assert session.statistics() == SessionStatistics(
        state=State.IDLE,
        generation=0,
        buffered_ms=0,
        buffered_messages=0,
        replay_ms=0,
        reconnects=0,
    )
    play(session, CreateSession(MANUAL), audio(20), ClientText("a"))
    assert session.statistics() == SessionStatistics(
        state=State.INIT_OPENING,
        generation=1,
        buffered_ms=20,
        buffered_messages=1,
        replay_ms=0,
        reconnects=0,
    )
    play(session, created(), configured(), lost())
    assert session.statistics() == SessionStatistics(
        state=State.RECONNECT_WAITING,
        generation=1,
        buffered_ms=0,
        buffered_messages=0,
        replay_ms=20,
        reconnects=1,
    )


def test_statistics_say_which_phase_a_session_is_in_and_whether_its_upstream_is_opening_or_live() -> None:
    session = new_session()
    seen = []
    for event in (Tick(), CreateSession(MANUAL), created(), configured(), lost(), ClientGone()):
        play(session, event)
        statistics = session.statistics()
        seen.append((statistics.phase, statistics.opening, statistics.live))
    assert seen == [
        (Phase.IDLE, False, False),
        (Phase.INITIALIZING, True, False),
        (Phase.INITIALIZING, True, True),
        (Phase.READY, False, True),
        (Phase.RECONNECTING, False, False),
        (Phase.CLOSED, False, False),
    ]


def test_a_session_without_settings_has_the_usual_ones() -> None:
    session = Session(rng=lambda: 0.5)
    play(session, CreateSession(SESSION_OPTIONS))
    assert session.deadline == 10.0


def test_commands_are_given_once() -> None:
    session = new_session()
    assert play(session, CreateSession(SESSION_OPTIONS))
    assert play(session, Tick()) == []


def test_the_session_options_are_copied() -> None:
    options = {"voice": "marin"}
    session = new_session()
    play(session, CreateSession(options))
    options["voice"] = "ash"
    assert session._data.session_options == {"voice": "marin"}


def test_late_events_are_logged_with_their_generation() -> None:
    session = ready_session()
    assert Playbook(session) >> audio_delta(0) << log_event_like("upstream.late_event", of=0)


def test_nothing_happens_after_the_client_disconnected() -> None:
    session = new_session()
    assert (
        Playbook(session)
        >> ClientGone()
        << log_event_like("client.gone")
        >> CreateSession(SESSION_OPTIONS)
        >> audio(20)
        >> Tick()
    )
    assert session.handle(ClientGone(), 1.0) == []


def test_an_error_that_is_held_back_is_logged() -> None:
    session = new_session()
    assert Playbook(session) >> ClientText("a") << log_event_like("error.sent") << message_like("error")
    assert Playbook(session) >> ClientText("b") << log_event_like("error.held_back", code="NO_SESSION_EXISTS")
