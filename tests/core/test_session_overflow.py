"""Speech past the replay bound in lost sessions: what was speech is reported as dropped, what was silence is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.core.commands import CloseUpstream
from bridge.core.events import (
    ClientCommit,
    RestartSession,
    Tick,
    UpstreamLost,
)
from bridge.core.input_buffer import BYTES_PER_MS
from tests.core.builders import (
    EXPIRED,
    MANUAL,
    UNAVAILABLE,
    audio,
    audio_delta,
    configured_with_vad,
    created,
    lost,
    messages,
    native,
    play,
    ready_session,
    reconnect,
    response_created,
)

if TYPE_CHECKING:
    from bridge.core.session import Session


def test_speech_past_the_bound_is_reported() -> None:
    session = ready_session(MANUAL, vad=False, replay_ms=1000)
    play(session, audio(800, 1), audio(800, 2))
    commands = reconnect(session, vad=False)
    [reconnected] = messages(commands, "reconnected")
    assert (reconnected["resentMs"], reconnected["lost"]) == (
        1000,
        ["600 ms of speech that no longer fit the replay buffer"],
    )


def test_speech_past_the_bound_is_dropped_when_its_session_is_lost_and_not_before() -> None:
    session = ready_session(MANUAL, vad=False, replay_ms=1000)
    assert messages(play(session, audio(800, 1), audio(800, 2), Tick(), now=5.0), "audio_dropped") == []
    [dropped] = messages(play(session, lost(), now=6.0), "audio_dropped")
    assert (dropped["ms"], dropped["chunks"], dropped["messages"], dropped["reason"]) == (600, 1, 0, "buffer_full")


def test_speech_past_the_bound_that_was_answered_is_not_dropped() -> None:
    session = ready_session(MANUAL, vad=False, replay_ms=1000)
    play(
        session,
        audio(800, 1),
        audio(800, 2),
        ClientCommit(),
        native("input_audio_buffer.committed", item_id="i1"),
        response_created(),
        audio_delta(),
    )
    assert messages(play(session, lost(), now=6.0), "audio_dropped") == []


def test_speech_past_the_bound_is_dropped_when_the_session_expires_too() -> None:
    session = ready_session(MANUAL, vad=False, replay_ms=1000, rollover=False)
    play(session, audio(800, 1), audio(800, 2))
    dropped = messages(play(session, lost(1, EXPIRED), Tick(), now=6.0), "audio_dropped")
    dropped += messages(play(session, Tick(), now=7.0), "audio_dropped")
    assert {one["reason"]: one["ms"] for one in dropped} == {"buffer_full": 600, "session_failed": 1000}


def session_with_a_silent_service() -> Session:
    """A session after forty seconds of audio under turn detection; the service has not sent an event."""
    session = ready_session()
    for second in range(40):
        play(session, audio(1000, second + 1), now=float(second))
    return session


def test_speech_of_a_silent_service_is_dropped_when_the_session_is_lost() -> None:
    [dropped] = messages(play(session_with_a_silent_service(), lost(), now=40.0), "audio_dropped")
    assert (dropped["ms"], dropped["chunks"], dropped["reason"]) == (10_000, 10, "buffer_full")
    [dropped] = messages(play(session_with_a_silent_service(), RestartSession(), now=40.0), "audio_dropped")
    assert dropped["ms"] == 10_000


@pytest.mark.parametrize(
    ("acknowledged_ms", "dropped_ms"), [(0, [10_000]), (4_000, [6_000]), (10_000, []), (39_000, [])]
)
def test_what_a_service_acknowledged_and_did_not_report_was_silence(
    acknowledged_ms: int, dropped_ms: list[int]
) -> None:
    over = UpstreamLost(1, UNAVAILABLE, "closed with 1006", acknowledged_ms * BYTES_PER_MS)
    session = session_with_a_silent_service()
    assert [one["ms"] for one in messages(play(session, over, now=40.0), "audio_dropped")] == dropped_ms
    play(session, Tick(), created(2), now=50.0)
    assert messages(play(session, configured_with_vad(2), now=50.0), "reconnected")[0]["resentMs"] == 30_000


def test_a_later_loss_of_another_session_settles_nothing_here() -> None:
    session = session_with_a_silent_service()
    play(session, lost(), now=40.0)
    play(session, Tick(), created(2), now=50.0)
    play(session, UpstreamLost(2, UNAVAILABLE, "gone", 60_000 * BYTES_PER_MS), Tick(), now=50.1)
    play(session, Tick(), created(3), now=60.0)
    assert messages(play(session, configured_with_vad(3), now=60.0), "reconnected")[0]["resentMs"] == 30_000


def test_a_pause_before_a_rollover_is_no_speech_that_was_lost() -> None:
    session = ready_session(expires_at=100.0)
    for second in range(75):
        play(session, audio(1000), now=float(second))
    commands = play(session, Tick(), now=75.0)
    assert CloseUpstream(1, "rollover") in commands
    assert messages(commands, "audio_dropped") == []
