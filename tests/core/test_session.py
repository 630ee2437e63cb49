from __future__ import annotations

from bridge.core.events import ClientGone, ClientText, CreateSession, Tick
from bridge.core.session import Session, Statistics
from bridge.core.states import State
from tests.core.builders import MANUAL, WISH, audio, configured, created, delta, lost, new_session, play, ready_session
from tests.core.playbook import Playbook, noted, told


def test_statistics_say_how_a_session_stands() -> None:
    session = new_session()
    assert session.statistics() == Statistics(
        state=State.IDLE,
        generation=0,
        held_ms=0,
        held_others=0,
        unanswered_ms=0,
        reconnects=0,
        opening=False,
        live=False,
    )
    play(session, CreateSession(MANUAL), audio(20), ClientText("a"))
    assert session.statistics() == Statistics(
        state=State.INITIALIZING,
        generation=1,
        held_ms=20,
        held_others=1,
        unanswered_ms=0,
        reconnects=0,
        opening=True,
        live=False,
    )
    play(session, created(), configured(), lost())
    assert session.statistics() == Statistics(
        state=State.RECONNECTING,
        generation=1,
        held_ms=0,
        held_others=0,
        unanswered_ms=20,
        reconnects=1,
        opening=False,
        live=False,
    )


def test_a_session_without_settings_has_the_usual_ones() -> None:
    session = Session(chance=lambda: 0.5)
    play(session, CreateSession(WISH))
    assert session.deadline == 10.0


def test_commands_are_given_once() -> None:
    session = new_session()
    assert play(session, CreateSession(WISH))
    assert play(session, Tick()) == []


def test_the_wish_is_the_clients_at_that_moment() -> None:
    wish = {"voice": "marin"}
    session = new_session()
    play(session, CreateSession(wish))
    wish["voice"] = "ash"
    assert session._data.wish == {"voice": "marin"}


def test_late_events_are_noted_with_their_generation() -> None:
    session = ready_session()
    assert Playbook(session) >> delta(0) << noted("upstream.late_event", of=0)


def test_nothing_is_done_for_a_client_that_is_gone() -> None:
    session = new_session()
    assert Playbook(session) >> ClientGone() << noted("client.gone") >> CreateSession(WISH) >> audio(20) >> Tick()
    assert session.handle(ClientGone(), 1.0) == []


def test_an_error_held_back_is_noted() -> None:
    session = new_session()
    assert Playbook(session) >> ClientText("a") << noted("error.sent") << told("error")
    assert Playbook(session) >> ClientText("b") << noted("error.held_back", code="NO_SESSION_EXISTS")
