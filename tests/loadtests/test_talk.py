"""One caller's talk, on a clock that the test turns: what it sends when, and what it makes of what it hears."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from bridge.protocol.tracer import TracerSource
from loadtests.behaviour import Behaviour, Door
from loadtests.lines import line_for
from loadtests.meter import Meter
from loadtests.pace import Pace
from loadtests.talk import CATCH_UP_SECONDS, READY_SECONDS, Talk
from loadtests.waits import Waits

START = 1000.0
SHORT = Behaviour(chunk_ms=20, speech_ms=100, pause_ms=60, listen_ms=2000)


def said(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


READY = said("session_ready", generation=1)
DONE = said("response.done", response={"status": "completed"})


@dataclass
class Desk:
    """A talk and its clock."""

    behaviour: Behaviour = SHORT
    lost_at: float | None = None
    now: float = START
    sent: list[tuple[float, str | bytes]] = field(default_factory=list)
    talk: Talk = field(init=False)
    meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        self.meter = Meter(fire=lambda **_: None, clock=lambda: self.now)
        self.talk = Talk(
            behaviour=self.behaviour,
            line=line_for(self.behaviour),
            source=TracerSource(7),
            pace=Pace(self.behaviour.chunk_ms, self.behaviour.speech_ms, self.now),
            notes=self.meter,
            waits=Waits(Random(1)),
            lost_at=self.lost_at,
        )
        self._sends(self.talk.begin(self.now))

    def _sends(self, frames: Any) -> bool:
        self.sent.extend((round(self.now - START, 3), frame) for frame in frames)
        return bool(frames)

    def hears(self, *frames: str | bytes) -> None:
        for frame in frames:
            self.talk.hear(frame, self.now, self.now)

    def goes_on(self, seconds: float) -> None:
        """Live through it as the greenlet of a call does."""
        until = self.now + seconds
        while self.now < until - 1e-9:
            while self._sends(self.talk.take(self.now)):
                pass
            self.now = min(until, max(self.now + 1e-6, self.talk.pace.due))

    def stalls(self, seconds: float) -> None:
        """Be kept from doing anything."""
        self.now += seconds

    @property
    def chunks(self) -> list[float]:
        return [at for at, frame in self.sent if isinstance(frame, bytes)]

    @property
    def messages(self) -> list[str]:
        return [json.loads(frame)["type"] for _, frame in self.sent if isinstance(frame, str)]

    def total(self, name: str) -> float:
        self.meter.flush()
        return self.meter.figures.total(name) or 0

    def ms(self, name: str) -> float | None:
        return self.meter.figures.percentile(name, 100)


def ready(behaviour: Behaviour = SHORT) -> Desk:
    desk = Desk(behaviour)
    desk.hears(READY)
    return desk


def test_it_asks_for_its_session_and_waits_until_it_is_ready() -> None:
    desk = Desk()
    desk.goes_on(0.5)
    assert desk.messages == ["create_session"]
    assert desk.chunks == []
    desk.hears(READY)
    desk.goes_on(0.1)
    assert len(desk.chunks) >= 4
    assert desk.ms("ready") == pytest.approx(500, rel=0.01)


def test_who_sees_a_microphone_speaks_before_that() -> None:
    desk = Desk(Behaviour(chunk_ms=20, speech_ms=100, speaks_before_ready=True))
    desk.goes_on(0.1)
    assert desk.chunks == pytest.approx([0.0, 0.02, 0.04, 0.06, 0.08])


def test_chunks_go_out_when_they_are_due_and_are_the_callers_own() -> None:
    desk = ready()
    desk.goes_on(0.2)
    assert desk.chunks == pytest.approx([0.02 * step for step in range(10)], abs=0.021)
    assert all(len(frame) == 960 for _, frame in desk.sent if isinstance(frame, bytes))
    assert desk.talk.source.sent_ms == 20 * len(desk.chunks)
    assert desk.total("chunks") == len(desk.chunks)


def test_latency_counts_from_when_the_last_word_was_due() -> None:
    desk = ready()
    due = desk.talk.pace.due + 0.08
    desk.goes_on(0.5)
    desk.hears(said("response.output_audio.delta", item_id="i", delta="AAAA" * 320))
    assert desk.ms("first_audio") == pytest.approx((desk.now - due) * 1000, rel=0.03)


def test_a_target_that_stalls_the_caller_is_not_flattered() -> None:
    desk = ready(Behaviour(chunk_ms=20, speech_ms=100, listen_ms=8000))
    due = desk.talk.pace.due + 0.08
    desk.goes_on(0.05)
    desk.stalls(5.0)
    desk.goes_on(0.1)
    assert desk.talk.answers.owed_since == pytest.approx(due, abs=0.025)
    desk.hears(DONE)
    assert desk.ms("turn") == pytest.approx((desk.now - due) * 1000, rel=0.01)


def test_a_stall_is_caught_up_to_a_second_and_what_is_older_is_passed_over() -> None:
    desk = ready(Behaviour(chunk_ms=20, speech_ms=10_000))
    desk.goes_on(0.1)
    before = len(desk.chunks)
    desk.stalls(3.0)
    desk.goes_on(0.02)
    caught_up = len(desk.chunks) - before
    assert caught_up == pytest.approx(CATCH_UP_SECONDS * 50, abs=2)
    assert desk.total("passed_over_ms") == pytest.approx(2000, abs=40)


def test_lateness_is_our_own_unless_the_target_held_us_up() -> None:
    desk = ready()
    desk.goes_on(0.02)
    desk.stalls(0.3)
    desk.talk.held_up_until = desk.now
    desk.goes_on(0.02)
    desk.meter.flush()
    assert (desk.ms("pace_lag") or 0) < 1
    desk.stalls(0.3)
    desk.goes_on(0.02)
    desk.meter.flush()
    assert (desk.ms("pace_lag") or 0) > 250


def test_the_next_sentence_begins_a_pause_behind_the_answer() -> None:
    desk = ready()
    desk.goes_on(0.3)
    assert not desk.talk.pace.is_speaking
    desk.hears(DONE)
    desk.goes_on(0.06)
    assert 0 < desk.talk.pace.spoken_ms < 100
    assert desk.total("turns") == 1


def test_an_answer_that_never_comes_is_waited_for_and_counted() -> None:
    desk = ready()
    desk.goes_on(2.3)
    assert desk.total("unanswered_turns") == 1
    assert desk.talk.answers.owed_since is not None  # the next sentence was spoken


def test_a_failed_answer_is_none_and_a_cancelled_one_says_nothing() -> None:
    desk = ready()
    desk.goes_on(0.2)
    desk.hears(said("response.done", response={"status": "cancelled"}))
    assert desk.talk.answers.owed_since is not None
    desk.hears(said("response.done", response={"status": "failed"}))
    assert desk.talk.answers.owed_since is None
    assert (desk.total("turns"), desk.total("unanswered_turns")) == (0, 1)


def test_who_cuts_in_says_what_was_heard_and_speaks_on_at_once() -> None:
    desk = ready(Behaviour(chunk_ms=20, speech_ms=100, interrupts_after_ms=40))
    desk.goes_on(0.2)
    for _ in range(2):
        desk.hears(said("response.output_audio.delta", item_id="i", delta="AAAA" * 320))
    desk.goes_on(0.03)
    assert desk.messages[-1] == "interrupt"
    (cut,) = [json.loads(frame) for _, frame in desk.sent if isinstance(frame, str) and "interrupt" in frame]
    assert (cut["itemId"], cut["playedMs"]) == ("i", 40)
    assert desk.talk.pace.is_speaking
    assert desk.total("turns") == 1
    assert desk.ms("turn") is None


def test_bad_messages_come_at_their_rate_whatever_the_chunks_are() -> None:
    desk = ready(Behaviour(chunk_ms=100, speech_ms=300, bad_messages_per_second=20))
    desk.goes_on(2.0)
    assert desk.messages.count("no_such_message") == pytest.approx(40, abs=3)


def test_typed_turns_count_from_when_they_were_due() -> None:
    desk = ready(Behaviour(typed=True, pause_ms=500, listen_ms=2000))
    desk.goes_on(0.7)
    assert desk.messages == ["create_session", "text"]
    desk.hears(DONE)
    desk.goes_on(0.4)
    assert desk.messages.count("text") == 1
    desk.goes_on(0.2)
    assert desk.messages.count("text") == 2
    assert desk.chunks == []
    assert desk.talk.answers.owed_since == pytest.approx(START + 1.2, abs=0.001)


def test_typed_turns_without_an_answer_go_on_as_well() -> None:
    desk = ready(Behaviour(typed=True, pause_ms=500, listen_ms=1000))
    desk.goes_on(1.7)
    assert desk.messages.count("text") == 2
    assert desk.total("unanswered_turns") == 1


def test_a_call_is_done_after_its_turns() -> None:
    desk = ready(Behaviour(chunk_ms=20, speech_ms=100, turns=1))
    desk.goes_on(0.3)
    assert not desk.talk.is_done
    desk.hears(DONE)
    assert desk.talk.is_done
    assert not desk.talk.has_failed


# ---- losses


def test_a_loss_lasts_until_the_next_session_is_ready_and_speech_goes_on_meanwhile() -> None:
    desk = ready(Behaviour(chunk_ms=20, speech_ms=10_000))
    desk.goes_on(0.1)
    desk.hears(said("reconnecting", attempt=1))
    assert not desk.talk.is_ready
    before = len(desk.chunks)
    desk.goes_on(0.5)
    desk.hears(said("reconnecting", attempt=2))
    desk.goes_on(0.5)
    assert len(desk.chunks) - before == pytest.approx(50, abs=2)
    desk.hears(said("reconnected", generation=2, resentMs=120))
    assert desk.ms("reconnect") == pytest.approx(1000, rel=0.01)
    assert (desk.total("reconnections"), desk.total("resent_ms"), desk.talk.resent_ms) == (1, 120, 120)
    assert desk.total("ready") == 1


def test_a_session_that_failed_is_asked_for_again_with_a_wait() -> None:
    desk = Desk()
    desk.hears(said("error", code="SESSION_INITIALIZATION_FAILED", retryable=True, detail={"retryAfterMs": 2000}))
    desk.goes_on(1.9)
    assert desk.messages == ["create_session"]
    desk.goes_on(0.2)
    assert desk.messages == ["create_session", "create_session"]
    desk.hears(READY)
    assert desk.ms("ready") == pytest.approx(2100, rel=0.01)  # since the caller wanted it, not since he asked last
    assert desk.meter.pulse.failed == 1
    assert desk.total("failed_calls") == 0


def test_a_session_that_is_given_up_later_is_asked_for_again_and_nothing_is_said_meanwhile() -> None:
    desk = ready(Behaviour(chunk_ms=20, speech_ms=10_000))
    desk.goes_on(0.1)
    desk.hears(said("reconnecting", attempt=1))
    desk.goes_on(1.0)
    before = len(desk.chunks)
    desk.hears(said("error", code="CONNECTION_LOST", retryable=True, detail={"retryAfterMs": 1000}))
    desk.goes_on(0.9)
    assert len(desk.chunks) == before
    assert desk.total("passed_over_ms") == pytest.approx(900, abs=40)
    desk.goes_on(0.2)
    assert desk.messages.count("create_session") == 2
    desk.hears(said("session_ready", generation=9))
    assert desk.ms("reconnect") == pytest.approx(2100, rel=0.01)
    assert desk.total("reconnections") == 0


def test_what_cannot_get_better_is_not_asked_for_again() -> None:
    desk = Desk()
    desk.hears(said("error", code="QUOTA_EXHAUSTED", retryable=False))
    desk.goes_on(20)
    assert desk.messages == ["create_session"]
    assert desk.talk.is_done
    assert desk.talk.has_failed
    assert not desk.talk.has_session
    assert desk.total("failed_calls") == 1


def test_an_error_that_ends_nothing_changes_nothing() -> None:
    desk = ready()
    desk.hears(said("error", code="INVALID_MESSAGE", retryable=False))
    desk.goes_on(1.0)
    assert desk.messages == ["create_session"]
    assert desk.talk.is_ready
    assert desk.total("errors") == 1


def test_a_session_that_only_grew_too_old_is_asked_for_again_once() -> None:
    desk = ready()
    desk.hears(said("error", code="SESSION_EXPIRED", retryable=True), said("session_closed", reason="expired"))
    desk.goes_on(9)
    assert desk.messages.count("create_session") == 2
    assert desk.meter.pulse.failed == 1


def test_a_session_that_never_comes_is_a_failed_call() -> None:
    desk = Desk(Behaviour(speaks_before_ready=True))
    desk.goes_on(READY_SECONDS - 1)
    assert not desk.talk.is_done
    desk.goes_on(2)
    assert desk.talk.has_failed
    assert desk.total("failed_calls") == 1


def test_nobody_speaks_to_a_bridge_that_is_going_down() -> None:
    desk = ready()
    desk.goes_on(0.1)
    desk.hears(said("session_closed", reason="draining"))
    before = len(desk.chunks)
    desk.goes_on(1)
    assert len(desk.chunks) == before
    assert not desk.talk.has_session


def test_who_comes_back_from_a_loss_measures_it_and_spoke_into_nothing_meanwhile() -> None:
    desk = Desk(Behaviour(chunk_ms=20, speech_ms=10_000), lost_at=START - 1.0)
    desk.goes_on(0.5)
    desk.hears(READY)
    assert desk.ms("reconnect") == pytest.approx(1500, rel=0.01)
    assert desk.total("passed_over_ms") == pytest.approx(500, abs=40)


def test_a_first_call_speaks_into_nothing_before_it_is_ready() -> None:
    desk = Desk()
    desk.goes_on(0.5)
    assert desk.total("passed_over_ms") == 0


def test_a_socket_that_breaks_is_a_loss_only_where_there_was_a_session() -> None:
    never, once = Desk(), ready()
    never.talk.broke(START + 1)
    once.talk.broke(START + 1)
    assert never.talk.lost_at is None
    assert once.talk.lost_at == START + 1


def test_what_the_bridge_gives_up_and_what_comes_late_is_counted() -> None:
    desk = ready()
    desk.hears(said("audio_dropped", ms=420), said("audio_dropped", ms=80))
    desk.hears(said("reconnected", generation=5), said("reconnecting", generation=4))
    assert (desk.total("dropped_ms"), desk.total("stale_events")) == (500, 1)


def test_an_sdk_that_sees_the_session_updated_again_counts_a_reconnection() -> None:
    desk = Desk(Behaviour(door=Door.NATIVE, chunk_ms=20, speech_ms=100))
    desk.hears(said("session.created"), said("session.updated"))
    assert desk.total("reconnections") == 0
    desk.hears(said("session.updated"))
    assert desk.total("reconnections") == 1
