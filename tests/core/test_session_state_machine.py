"""Any order of events, against a model of the upstream: what must hold whatever happens.

What was accepted goes up once, in order, or is reported as dropped; nothing goes up before the session is ready;
there is one live upstream at most; errors keep their distance, and none that ends a session is lost; time goes on.
"""

from __future__ import annotations

from math import inf
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from bridge.core import deadlines, ending
from bridge.core.events import ClientGone, CreateSession, Tick
from bridge.core.states import Phase, State
from tests.core.builders import (
    audio_delta,
    configured_with_vad,
    created,
    lost,
    native,
    response_created,
    response_done,
    text_item_done,
    upstream_error,
)
from tests.core.state_machine import SessionMachine, live
from tests.core.upstream_model import BYTES_PER_MS, SILENCE_SECONDS, words_of


class Machine(SessionMachine):
    """The upstream talks too, and the ledger balances whatever happens."""

    # The upstream talks

    @precondition(live)
    @rule()
    def announces_items(self) -> None:
        up = self.upstream
        while self.up is up and up.unannounced:
            sent = up.unannounced.pop(0)
            up.known.append(words_of(sent))
            announced = {"id": f"i{self.mark()}", **sent}
            self.feed(native("conversation.item.added", up.generation, item=announced))

    @precondition(lambda self: live(self) and (self.up.requested or self.up.expected) and self.up.active is None)
    @rule()
    def begins_to_answer(self) -> None:
        self.announces_items()
        up = self.up
        if up is None or not (up.requested or up.expected):
            return
        up.active, up.by_request, up.reached_client = f"r{self.mark()}", up.requested, False
        up.requested = up.expected = False
        up.answers_up_to = up.taken
        self.feed(response_created(up.active, up.generation))

    @precondition(lambda self: live(self) and self.up.active is not None)
    @rule()
    def says_a_piece(self) -> None:
        self.upstream.answer_begins()
        self.feed(audio_delta(self.upstream.generation))

    @precondition(lambda self: live(self) and self.up.active is not None)
    @rule(failed=st.booleans())
    def ends_the_answer(self, *, failed: bool) -> None:
        up = self.upstream
        response_id, words = str(up.active), f"a{self.mark()}"
        up.answer_begins()
        up.known.append(words)
        self.feed(text_item_done(f"i{self.mark()}", words, "assistant", up.generation))
        if self.up is not up:
            return
        up.active, up.cancelled = None, False
        self.feed(response_done(response_id, up.generation, status="failed" if failed else "completed"))

    @precondition(live)
    @rule(far=st.integers(0, 3))
    def a_text_is_answered(self, far: int) -> None:
        """Completely, or only up to step `far`."""
        self.types()
        self._answer(far)

    @precondition(lambda self: live(self) and self.up.speech_start is None and not self.up.unconfirmed_commits)
    @rule(ms=st.sampled_from([200, 900]), far=st.integers(-1, 3))
    def speech_is_answered(self, ms: int, far: int) -> None:
        self.everything_is_sent()
        self.speaks(ms)
        turn = [self.hears_speech_begin, self.hears_speech_end, self.takes_a_turn]
        for step in [self.commits, self.answers_a_commit] if self.manual else turn:
            if not live(self) or far < 0:
                return
            step()
        self._answer(far)

    def _answer(self, far: int) -> None:
        if far > 0 and live(self) and self.upstream.active is None and self.upstream.busy:
            self.begins_to_answer()
        if far > 1 and live(self) and self.upstream.active is not None:
            self.says_a_piece()
        if far > 2 and live(self) and self.upstream.active is not None:
            self.ends_the_answer(failed=False)

    @precondition(lambda self: live(self) and not self.manual and self.up.requested and not self.up.cancelled)
    @rule()
    def begins_to_answer_something_else_and_refuses_the_request(self) -> None:
        self.announces_items()
        up = self.up
        if up is None or not up.requested:
            return
        up.active, up.by_request, up.reached_client, up.requested, up.expected = (
            f"r{self.mark()}",
            False,
            False,
            False,
            False,
        )
        up.answers_up_to = up.taken
        self.feed(response_created(up.active, up.generation))
        if self.up is up:
            self.feed(upstream_error("conversation_already_has_active_response", up.generation))

    @precondition(lambda self: live(self) and self.up.unconfirmed_commits)
    @rule()
    def answers_a_commit(self) -> None:
        up = self.upstream
        at = up.unconfirmed_commits.pop(0)
        if any(up.taken <= start < at for start, _, _ in up.runs):
            up.taken = at
            self.feed(native("input_audio_buffer.committed", up.generation, item_id=f"s{self.mark()}"))
        else:
            up.commits.remove(at)
            self.feed(upstream_error("input_audio_buffer_commit_empty", up.generation, harmless=True))

    @precondition(lambda self: live(self) and not self.manual and self.up.speech_start is None)
    @rule()
    def hears_speech_begin(self) -> None:
        """It reports speech at once: what it does not report for a while was silence."""
        up = self.upstream
        received_at = up.received_at[up.runs[-1][0]] if up.runs else float("-inf")
        if up.position > up.taken and received_at > self.now - SILENCE_SECONDS:
            up.speech_start = max(up.runs[-1][0], up.taken)
            at_ms = up.speech_start // BYTES_PER_MS
            self.feed(native("input_audio_buffer.speech_started", up.generation, audio_start_ms=at_ms))

    @precondition(lambda self: live(self) and self.up.speech_start is not None and self.up.speech_end is None)
    @rule()
    def hears_speech_end(self) -> None:
        up = self.upstream
        up.speech_end = up.position
        at_ms = up.speech_end // BYTES_PER_MS
        self.feed(native("input_audio_buffer.speech_stopped", up.generation, audio_end_ms=at_ms))

    @precondition(lambda self: live(self) and self.up.speech_start is not None)
    @rule()
    def hears_the_same_speech_begin_once_more(self) -> None:
        at_ms = self.upstream.position // BYTES_PER_MS
        self.feed(native("input_audio_buffer.speech_started", self.upstream.generation, audio_start_ms=at_ms))

    @precondition(live)
    @rule()
    def talks_about_something_else_for_a_while(self) -> None:
        """What it has not reported by now was silence; what it reported was not."""
        up = self.upstream
        for _ in range(3):
            self.now += SILENCE_SECONDS + 1
            self.feed(Tick())
            if self.up is not up:
                return
            self.feed(native("rate_limits.updated", up.generation))

    @precondition(lambda self: live(self) and self.up.speech_end is not None)
    @rule()
    def takes_a_turn(self) -> None:
        up = self.upstream
        assert up.speech_start is not None
        assert up.speech_end is not None
        up.turns.append((up.speech_start, up.speech_end))
        up.taken = up.speech_end
        up.speech_start = up.speech_end = None
        up.expected = up.expected or up.active is None
        self.feed(native("input_audio_buffer.committed", up.generation, item_id=f"s{self.mark()}"))

    @precondition(lambda self: self.up is not None)
    @rule(harmless=st.booleans(), retryable=st.booleans())
    def says_error(self, *, harmless: bool, retryable: bool) -> None:
        up = self.upstream
        self.feed(upstream_error("whatever", up.generation, harmless=harmless, retryable=retryable))

    @precondition(lambda self: self.ledger.generation > 0)
    @rule(kind=st.sampled_from([created, configured_with_vad, audio_delta, lost]), back=st.integers(0, 3))
    def says_something_late(self, kind: Any, back: int) -> None:
        generation = self.ledger.generation - back
        if self.up is not None and self.up.generation == generation:
            return
        self.feed(Tick())
        before, generations = self.session.statistics(), self.ledger.generation
        self.feed(kind(generation))
        assert self.session.statistics() == before
        assert self.ledger.generation == generations

    # What holds

    @invariant()
    def nothing_is_lost_silently(self) -> None:
        if not self.ledger.closed:
            self.ledger.balance(self.session)

    @invariant()
    def what_is_buffered_is_bounded(self) -> None:
        statistics = self.session.statistics()
        assert statistics.buffered_ms <= self.limits.audio_ms
        assert statistics.buffered_messages <= self.limits.messages
        expires_at = self.session._data.input_buffer.oldest_expires_at
        assert expires_at is None or expires_at > self.now

    @invariant()
    def the_core_knows_its_upstream(self) -> None:
        statistics = self.session.statistics()
        assert (statistics.opening or statistics.live) == (self.up is not None)
        assert statistics.generation == self.ledger.generation
        assert (statistics.state is State.READY) == (self.up is not None and self.up.ready)

    @invariant()
    def no_request_waits_for_nothing(self) -> None:
        responses = self.session._data.generation.responses
        assert not responses.queued or responses.busy or not live(self)

    @invariant()
    def nothing_is_due_before_the_deadline(self) -> None:
        due_at, deadline = deadlines.next_deadline(self.session._data), self.session.deadline
        assert (inf if deadline is None else deadline) <= due_at
        assert due_at > self.now or self.sends_in_slices

    @invariant()
    def a_session_that_is_being_opened_has_a_deadline(self) -> None:
        opening = self.session.statistics().phase in (Phase.INITIALIZING, Phase.RECONNECTING)
        assert not opening or self.session.deadline is not None

    @invariant()
    def no_pause_is_missed(self) -> None:
        """A rollover and a drain wait for a pause: the event that begins it must start them."""
        data = self.session._data
        window = deadlines._rollover_window(data)
        if data.drain_by is not None or (window is not None and self.now >= window[0]):
            assert data.closed or not ending.in_pause(data)

    def teardown(self) -> None:
        if not self.passing:
            return
        for _ in range(300):
            if self.session.deadline is None:
                break
            self.comes_to_the_deadline()
            self.nothing_is_lost_silently()
        assert self.session.deadline is None, "something is due for ever"
        assert not self.ledger.terminal_errors, "a terminal error was never sent"
        self.feed(ClientGone())
        statistics = self.session.statistics()
        assert statistics.state is State.CLOSED
        assert (statistics.buffered_ms, statistics.buffered_messages, statistics.replay_ms) == (0, 0, 0)
        assert not statistics.opening
        assert not statistics.live
        assert self.up is None
        self.feed(CreateSession({}))


TestMachine = Machine.TestCase
# A session is long, and many of its steps lead nowhere: it takes more of them than other properties do.
# Hypothesis remembers them all: 6,000 of them took 1.7 GB, 300 take little more than Python itself.
TestMachine.settings = settings(stateful_step_count=80, max_examples=min(3 * settings().max_examples, 2_000))
