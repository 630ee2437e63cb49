"""Caps: what ends a client's session although nobody asked, and what is refused from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bridge.core.commands import CloseClient, CloseUpstream, LogEvent, OpenUpstream, SendEvent
from bridge.core.events import (
    ClientAudio,
    ClientCommit,
    ClientGone,
    ClientNative,
    ClientText,
    ClientToolResult,
    CreateSession,
    EndSession,
    PlaybackProgress,
    RestartSession,
    Tick,
    UpstreamEvent,
)
from bridge.core.session import Session
from bridge.core.spending.caps import Caps, ConnectionAccount
from bridge.core.spending.charges import Charge
from bridge.core.spending.usage import Prices, ResponseUsage
from bridge.core.states import State
from tests.core.builders import (
    configured_with_vad,
    created,
    messages,
    native,
    new_session,
    of_type,
    play,
    ready_session,
    response_created,
    response_done,
)

if TYPE_CHECKING:
    from bridge.core.commands import Command
    from bridge.core.events import Event

DEAR = {"input_tokens": 900, "output_tokens": 100}
PRICES = {"gpt-realtime-2.1": Prices(text=1000.0, output_text=1000.0)}  # a dollar for DEAR
PCM = bytes(960)
SPEECH_STARTED = native("input_audio_buffer.speech_started", audio_start_ms=0)
SPEECH_STOPPED = native("input_audio_buffer.speech_stopped", audio_end_ms=10)
ASIDE = native("response.done", response={"id": "aside", "usage": DEAR})


def capped(options: dict[str, Any] | None = None, *, now: float = 0.0, **caps: Any) -> Session:
    session = ready_session(options or {}, caps=Caps(**caps), prices=PRICES)
    play(session, Tick(), now=now)
    return session


def native_session(**caps: Any) -> Session:
    session = new_session(caps=Caps(**caps), prices=PRICES)
    play(session, CreateSession({"plain": True}, native=True), created(), configured_with_vad())
    assert session.statistics().state is State.READY
    return session


def exhausted(**caps: Any) -> Session:
    session = capped(**(caps or {"max_tokens": 1000}))
    play(session, response_created(), response_done(usage=DEAR))
    return session


def reasons(commands: list[Command], kind: str = "session_closed") -> list[str]:
    return [str(one["reason"]) for one in messages(commands, kind)]


def codes(commands: list[Command]) -> list[str]:
    return [str(one["code"]) for one in messages(commands, "error")]


def until_deadline(session: Session) -> tuple[float, list[Command]]:
    """Wait for the next deadline, as the driver does."""
    at = session.deadline
    assert at is not None
    return at, play(session, Tick(), now=at)


# Cost and tokens


@pytest.mark.parametrize("caps", [{"max_tokens": 1000}, {"max_cost_usd": 1.0}])
def test_the_response_that_reaches_a_cap_is_the_last(caps: dict[str, Any]) -> None:
    session = capped(**caps)
    commands = play(session, response_created(), response_done(usage=DEAR))
    assert reasons(commands) == ["budget"]
    assert of_type(CloseUpstream, commands)
    assert not of_type(CloseClient, commands), "the connection stays, to say why nothing answers"
    assert session.statistics().state is State.IDLE


@pytest.mark.parametrize("caps", [{"max_tokens": 1001}, {"max_cost_usd": 1.0001}, {}])
def test_a_response_below_the_cap_changes_nothing(caps: dict[str, Any]) -> None:
    session = capped(**caps)
    assert reasons(play(session, response_created(), response_done(usage=DEAR))) == []
    assert of_type(SendEvent, play(session, ClientText("more")))


def test_what_has_no_price_counts_its_tokens_only() -> None:
    session = ready_session({"model": "another"}, caps=Caps(max_cost_usd=0.01, max_tokens=2000))
    assert reasons(play(session, response_created(), response_done(usage=DEAR))) == []
    assert reasons(play(session, response_created("r2"), response_done("r2", usage=DEAR))) == ["budget"]


@pytest.mark.parametrize(
    "event",
    [
        ClientText("hi"),
        ClientToolResult("c", "1"),
        ClientCommit(),
        ClientAudio(PCM),
        ClientNative("response.create", b"{}"),
        CreateSession({}),
    ],
)
def test_whatever_asks_for_more_is_refused_and_nothing_is_kept(event: Event) -> None:
    session = exhausted()
    commands = play(session, event)
    (error,) = messages(commands, "error")
    assert (error["code"], error["retryable"]) == ("BUDGET_EXHAUSTED", False)
    assert not of_type(OpenUpstream, commands)
    statistics = session.statistics()
    assert (statistics.buffered_ms, statistics.buffered_messages) == (0, 0)


def test_an_answer_that_runs_is_finished_and_nothing_new_is_begun() -> None:
    """A response out of band reaches the cap while the conversation's own runs."""
    session = capped(max_tokens=1000)
    play(session, response_created("answer"))
    commands = play(session, ASIDE, ClientAudio(PCM))
    assert reasons(commands) == []
    assert session.statistics().state is State.READY
    assert codes(play(session, ClientText("more"), now=3.0)) == ["BUDGET_EXHAUSTED"]
    out_of_band = {"type": "response.create", "response": {"conversation": "none"}}
    refused = play(session, ClientNative("response.create", b"{}", out_of_band), now=6.0)
    assert codes(refused) == ["BUDGET_EXHAUSTED"]
    assert not of_type(SendEvent, refused)
    assert reasons(play(session, response_done("answer"), now=6.0)) == ["budget"]


def test_a_request_that_waited_is_told_that_it_never_goes_up() -> None:
    session = capped(max_tokens=1000)
    play(session, response_created(), ClientText("and then?"))
    commands = play(session, response_done(usage=DEAR))
    assert (codes(commands), reasons(commands)) == (["BUDGET_EXHAUSTED"], ["budget"])


def test_a_lost_session_is_not_opened_again_for_what_may_not_be_asked() -> None:
    session = capped(max_tokens=1000)
    play(session, response_created("answer"))
    commands = play(session, ASIDE, RestartSession())
    assert reasons(commands) == ["budget"]
    assert session.statistics().state is State.IDLE
    assert not of_type(OpenUpstream, commands)


def test_an_sdk_gets_the_service_s_own_way_to_say_it() -> None:
    session = native_session(max_tokens=1000)
    commands = play(session, response_created(), response_done(usage=DEAR))
    (error,) = messages(commands, "error")
    assert (error["code"], error["detail"]) == ("BUDGET_EXHAUSTED", {"cap": "budget"})


def test_everybody_with_one_identity_shares_its_account() -> None:
    account = ConnectionAccount(Caps(max_tokens=1000))
    account.charge(Charge(model="m", usage=ResponseUsage(input_text=1000), cost_usd=None))
    session = Session(rng=lambda: 0.5, identity=account)
    commands = play(session, CreateSession({}))
    assert codes(commands) == ["BUDGET_EXHAUSTED"]
    assert not of_type(OpenUpstream, commands)


# Time


def test_the_end_of_a_connection_s_time_is_announced_a_minute_before() -> None:
    session = capped(max_session_seconds=600)
    at, commands = until_deadline(session)
    (told,) = messages(commands, "session_expiring")
    assert (at, told["reason"], told["expiresInMs"]) == (540.0, "max_duration", 60_000)
    assert messages(play(session, Tick(), now=541.0), "session_expiring") == [], "once"
    at, commands = until_deadline(session)
    assert (at, reasons(commands)) == (600.0, ["max_duration"])
    assert of_type(CloseClient, commands)[0].code == 1000
    assert session.deadline is None


def test_of_a_short_time_it_is_announced_at_the_half() -> None:
    assert until_deadline(capped(max_session_seconds=10))[0] == 5.0


def test_the_time_runs_on_through_reconnections_and_further_sessions() -> None:
    session = capped(max_session_seconds=100)
    play(session, EndSession(), CreateSession({}), now=20.0)
    play(session, created(2), configured_with_vad(2), RestartSession(), now=50.0)
    assert reasons(play(session, Tick(), now=100.0)) == ["max_duration"]


def test_nobody_who_has_not_asked_for_a_session_has_one_that_ends() -> None:
    session = new_session(caps=Caps(max_session_seconds=10, idle_seconds=10))
    assert play(session, Tick(), now=1000.0) == []


def test_idle_is_when_neither_side_has_spoken() -> None:
    session = capped(idle_seconds=120)
    at, commands = until_deadline(session)
    assert (at, reasons(commands, "session_expiring")) == (60.0, ["idle"])
    at, commands = until_deadline(session)
    assert (at, reasons(commands)) == (120.0, ["idle"])
    assert of_type(CloseClient, commands)[0].code == 1000


@pytest.mark.parametrize(
    "event",
    [
        SPEECH_STARTED,
        SPEECH_STOPPED,
        response_done("other"),
        ClientText("hi"),
        ClientNative("input_audio_buffer.clear", b"{}"),
        PlaybackProgress("item", 10),
    ],
)
def test_whoever_speaks_is_not_idle(event: Event) -> None:
    session = capped(idle_seconds=120)
    play(session, event, now=100.0)
    assert reasons(play(session, Tick(), now=120.0)) == []


@pytest.mark.parametrize("event", [SPEECH_STARTED, response_created(), ClientText("hi")])
def test_speech_and_answers_may_take_as_long_as_they_take(event: Event) -> None:
    session = capped(idle_seconds=10, max_session_seconds=1e9)
    commands = play(session, event, now=1.0)
    for second in range(2, 15):
        commands += play(session, UpstreamEvent(1, "response.output_audio.delta", b"{}"), now=float(second))
    assert reasons([*commands, *play(session, Tick(), now=15.0)]) == []


def test_a_fresh_session_is_not_idle_at_once() -> None:
    session = capped(idle_seconds=10)
    play(session, RestartSession(), now=9.0)
    play(session, created(2), configured_with_vad(2), now=9.5)
    assert reasons(play(session, Tick(), now=11.0)) == []


def test_sound_of_the_microphone_is_no_speech() -> None:
    session = capped(idle_seconds=10)
    early = [command for second in range(1, 10) for command in play(session, ClientAudio(PCM), now=float(second))]
    assert reasons(early) == []
    assert reasons(play(session, ClientAudio(PCM), now=10.0)) == ["idle"]


def test_an_sdk_is_told_as_by_the_service_when_its_time_is_over() -> None:
    session = native_session(max_session_seconds=100)
    commands = play(session, Tick(), now=100.0)
    assert codes(commands) == ["SESSION_EXPIRED"]
    assert session.deadline is None, "it is being closed"
    assert play(session, Tick(), ClientGone(), now=101.0) == []


def test_the_log_says_which_cap_ended_a_session() -> None:
    session = capped(idle_seconds=10)
    logged = of_type(LogEvent, session.handle(Tick(), 10.0))
    assert [one.fields["reason"] for one in logged if one.name == "session.closed"] == ["idle"]
