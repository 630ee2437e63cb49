"""The short way through a ready session: `relay_audio` and `relay_event` do what `handle` does, for any history."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from bridge.core import deadlines
from bridge.core.commands import EndResponse, Forward, LogEvent, SendAudio, SendMessage
from bridge.core.events import ClientAudio, ClientCommit, ClientGone, EndSession, UpstreamEvent
from bridge.core.speech.heard import FRAME_BYTES
from bridge.core.to_client import PARSED_EVENTS
from tests.core.builders import (
    audio,
    audio_delta,
    lost,
    native,
    new_session,
    of_type,
    play,
    ready_session,
    reconnect,
    response_created,
)
from tests.core.state_machine import live
from tests.core.test_session_state_machine import Machine

if TYPE_CHECKING:
    from bridge.core.commands import Command
    from bridge.core.events import Event
    from bridge.core.session import Session
    from bridge.core.settings import CoreSettings

DELTA = "response.output_audio.delta"
#: What may come when something else is due.
LATE = st.sampled_from(
    [audio(20), audio(400), audio_delta(), UpstreamEvent(0, "rate_limits.updated", b"rate_limits.updated")]
)
PART = {"response_id": "resp_1", "output_index": 0, "content_index": 0}


def take_short_way(session: Session, event: Event, now: float) -> list[Command]:
    """Handle an event as a driver does that tries the short way first."""
    number = session.statistics().generation
    if isinstance(event, ClientAudio) and event.event_id is None and session.relay_audio(event.pcm, now):
        return [SendAudio(number, event.pcm)]
    if isinstance(event, UpstreamEvent) and event.body is None:
        assert event.type not in PARSED_EVENTS
        if session.relay_event(event.generation, event.type, event.frame, now):
            return [Forward(event.type, event.frame)]
    return session.handle(event, now)


def compare(one: Session, other: Session) -> None:
    """Compare everything that can decide what either does next."""
    assert one.statistics() == other.statistics()
    assert one.deadline == other.deadline
    assert deadlines.next_deadline(one._data) == deadlines.next_deadline(other._data)
    assert one._data.now == other._data.now
    assert one._data.generation.replay.entries() == other._data.generation.replay.entries()
    assert one._data.generation.replay.overflow_ms == other._data.generation.replay.overflow_ms


class TwinMachine(Machine):
    """Two sessions with one history. One takes the short way wherever it can, and nobody can tell them apart."""

    def new_session(self, settings: CoreSettings, seed: int) -> Session:
        self.twin = super().new_session(settings, seed)
        return super().new_session(settings, seed)

    def feed(self, event: Event) -> None:
        if isinstance(event, UpstreamEvent) and event.type not in PARSED_EVENTS:
            event = replace(event, body=None)
        super().feed(event)

    def handle(self, event: Event) -> list[Command]:
        commands = super().handle(event)
        assert take_short_way(self.twin, event, self.now) == commands
        compare(self.session, self.twin)
        return commands

    @precondition(lambda self: live(self) and self.up.active is not None)
    @rule(words=st.lists(st.sampled_from(["Hel", "lo"]), max_size=3), is_lost=st.booleans())
    def says_a_piece_in_words(self, words: list[str], *, is_lost: bool) -> None:
        """A client that loses this answer is told how much of it has arrived."""
        up = self.upstream
        place = {"response_id": up.active, "output_index": 0, "content_index": 0}
        pieces: list[tuple[str, dict[str, Any]]] = [
            ("response.output_item.added", {"item": {"id": f"i{self.mark()}", "type": "message"}}),
            ("response.content_part.added", {"part": {"type": "audio"}}),
            *(("response.output_audio_transcript.delta", {"delta": word}) for word in words),
        ]
        if words:
            up.answer_begins()
        for kind, fields in pieces:
            body = {"type": kind, **place, **fields}
            if self.up is up:
                self.feed(UpstreamEvent(up.generation, kind, json.dumps(body).encode(), body))
        if is_lost:
            self.is_lost_and_opened_again()

    @precondition(live)
    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0, 20.0]), event=LATE)
    def something_comes_late(self, seconds: float, event: ClientAudio | UpstreamEvent) -> None:
        """Something may be due by then, and no tick has come. Tried with copies: the ledger knows no such moment."""
        one, other, now = deepcopy(self.session), deepcopy(self.twin), self.now + seconds
        generation = self.upstream.generation
        if isinstance(event, UpstreamEvent):
            event = replace(event, generation=generation)
        for step in (event, event, lost(generation)):
            assert take_short_way(other, step, now) == one.handle(step, now)
            compare(one, other)


TestTwins = TwinMachine.TestCase
TestTwins.settings = settings(stateful_step_count=60, max_examples=min(settings().max_examples, 1_000))


# One by one


def test_speech_is_sent_at_once_and_kept_until_it_is_answered() -> None:
    session = ready_session()
    assert session.relay_audio(audio(20, 7).pcm, 0.0)
    assert session.statistics().replay_ms == 20
    assert of_type(SendAudio, reconnect(session)) == [SendAudio(2, audio(20, 7).pcm)]


def test_a_piece_of_an_answer_is_forwarded_and_what_it_answers_is_not_replayed() -> None:
    session = ready_session(vad=False)
    play(session, audio(100), ClientCommit(), native("input_audio_buffer.committed", item_id="i1"), response_created())
    assert session.statistics().replay_ms == 100
    assert not session.relay_event(1, DELTA, b"delta", 0.0), "the first audio of an answer is told"
    assert session.statistics().replay_ms == 100
    long = b"." * (FRAME_BYTES + 4)
    play(session, UpstreamEvent(1, DELTA, long))
    assert session.statistics().replay_ms == 0
    assert session.relay_event(1, DELTA, long, 0.0)


def test_a_piece_that_nobody_waited_for_is_forwarded_and_what_it_answers_is_not_replayed() -> None:
    session = ready_session(vad=False)
    play(session, audio(100), ClientCommit(), native("input_audio_buffer.committed", item_id="i1"), response_created())
    session._data.generation.responses.asked_at = None
    assert session.statistics().replay_ms == 100
    assert session.relay_event(1, DELTA, b"delta", 0.0)
    assert session.statistics().replay_ms == 0


def test_words_that_were_relayed_are_in_the_end_of_a_lost_answer() -> None:
    session = ready_session()
    item = {"id": "i1", "type": "message"}
    kind = "response.output_item.added"
    body = {"type": kind, **PART, "item": item}
    play(session, response_created(), UpstreamEvent(1, kind, json.dumps(body).encode(), body))
    for kind, fields in (
        ("response.content_part.added", {"part": {"type": "audio"}}),
        ("response.output_audio_transcript.delta", {"delta": "Hel"}),
        ("response.output_audio_transcript.delta", {"delta": "lo"}),
    ):
        assert session.relay_event(1, kind, json.dumps({"type": kind, **PART, **fields}).encode(), 0.0)
    [ended] = of_type(EndResponse, play(session, lost()))
    assert ended.response.items[0].parts[0].text == "Hello"


def test_a_session_that_talks_has_not_stalled() -> None:
    session = ready_session(stall_seconds=10.0)
    play(session, response_created())
    for now in (4.0, 8.0):
        assert session.relay_event(1, DELTA, b"delta", now)
    assert [one for one in session.handle(audio(20), 10.0) if not isinstance(one, SendAudio)] == []
    assert session.deadline == 18.0


@pytest.mark.parametrize("state", ["idle", "lost", "ended", "closed"])
def test_a_session_that_is_not_ready_takes_the_long_way(state: str) -> None:
    session = new_session() if state == "idle" else ready_session()
    ends: dict[str, Event] = {"lost": lost(), "ended": EndSession(), "closed": ClientGone()}
    if state in ends:
        play(session, ends[state])
    before = session.statistics()
    assert not session.relay_audio(audio(20).pcm, 0.0)
    assert not session.relay_event(before.generation, DELTA, b"delta", 0.0)
    assert session.statistics() == before


def test_an_event_of_another_generation_takes_the_long_way_and_is_ignored() -> None:
    session = ready_session()
    assert not session.relay_event(0, DELTA, b"delta", 0.0)
    [ignored] = session.handle(UpstreamEvent(0, DELTA, b"delta"), 0.0)
    assert isinstance(ignored, LogEvent)


def test_what_is_due_takes_the_long_way() -> None:
    session = ready_session(expires_at=3600.0)
    due_at = session.deadline
    assert due_at is not None
    assert session.relay_audio(audio(20).pcm, due_at - 0.1)
    assert not session.relay_audio(audio(20).pcm, due_at)
    assert not session.relay_event(1, "rate_limits.updated", b"frame", due_at)
    commands = play(session, audio(20), now=due_at)
    assert [one.message["type"] for one in of_type(SendMessage, commands)] == ["session_expiring", "reconnecting"]


def test_time_that_goes_backwards_stands_still() -> None:
    session = ready_session(now=5.0)
    assert not session.relay_audio(audio(20).pcm, 4.0)
    assert play(session, audio(20), now=4.0) == [SendAudio(1, audio(20).pcm)]
    assert session.relay_audio(audio(20).pcm, 6.0)
    assert not session.relay_audio(audio(20).pcm, 5.9)
    assert session.relay_event(1, DELTA, b"delta", 7.0)
    assert not session.relay_event(1, DELTA, b"delta", 6.9)


def test_nothing_that_was_relayed_comes_out_of_the_next_event_again() -> None:
    session = ready_session()
    assert session.relay_audio(audio(20).pcm, 0.0)
    assert session.relay_event(1, DELTA, b"delta", 0.0)
    assert play(session, audio(20, 2)) == [SendAudio(1, audio(20, 2).pcm)]
