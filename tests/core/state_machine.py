"""The rules of the state machine: what a client may do, what may happen to its upstream session, and time."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from bridge.core.events import (
    AttemptFailed,
    BadMessage,
    ClientAudio,
    ClientCommit,
    ClientGone,
    ClientInput,
    ClientLimitExceeded,
    ClientNative,
    ClientText,
    ClientToolResult,
    CreateSession,
    Drain,
    EndSession,
    Event,
    Failure,
    Interrupt,
    Ping,
    PlaybackProgress,
    RestartSession,
    Tick,
)
from bridge.core.input_buffer import InputBufferLimits
from bridge.core.session import Session
from bridge.core.settings import CoreSettings
from bridge.core.states import Phase, State
from tests.core.builders import (
    EXPIRED,
    REFUSED_KEY,
    UNAVAILABLE,
    configured,
    configured_with_vad,
    created,
    lost,
)
from tests.core.ledger import Ledger
from tests.core.upstream_model import UpstreamModel, chunk

if TYPE_CHECKING:
    from bridge.core.commands import Command

LIMITED = Failure(code="RATE_LIMITED", message="Slow down.", retryable=True, retry_after_seconds=3.0)
LOSSES = st.sampled_from([UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, EXPIRED, REFUSED_KEY])
FAILURES = st.sampled_from([UNAVAILABLE, UNAVAILABLE, LIMITED, REFUSED_KEY])


def live(machine: SessionMachine) -> bool:
    return machine.up is not None and machine.up.ready


class SessionMachine(RuleBasedStateMachine):
    """A client, a clock, and an upstream session that opens and is lost, in any order."""

    @initialize(
        manual=st.booleans(),
        rollover=st.booleans(),
        tight=st.booleans(),
        attempts=st.integers(1, 3),
        reconnect_attempts=st.integers(1, 5),
        max_reconnects=st.sampled_from([2, 50]),
        replay_ms=st.sampled_from([300, 700, 30_000]),
        seed=st.integers(0, 99),
        opened=st.sampled_from([True, True, True, False]),
    )
    def begin(
        self,
        *,
        manual: bool,
        rollover: bool,
        tight: bool,
        attempts: int,
        reconnect_attempts: int,
        max_reconnects: int,
        replay_ms: int,
        seed: int,
        opened: bool,
    ) -> None:
        self.limits = InputBufferLimits(audio_ms=500, messages=3, age_seconds=7.0) if tight else InputBufferLimits()
        chosen = CoreSettings(
            attempts=attempts,
            reconnect_attempts=reconnect_attempts,
            max_reconnects=max_reconnects,
            replay_ms=replay_ms,
            rollover=rollover,
            buffer_limits=self.limits,
            sent_at_once=2 if tight else 256,
        )
        self.session = self.new_session(chosen, seed)
        self.manual, self.rollover = manual, rollover
        self.now, self.serial = 0.0, 0
        self.passing = True
        """False: a check has failed already, and `teardown` has nothing to add."""
        self.ledger = Ledger(manual=manual, replay_ms=replay_ms)
        if opened:
            self.a_session_is_opened()

    def new_session(self, settings: CoreSettings, seed: int) -> Session:
        rng = Random(seed)
        return Session(settings, rng=lambda: rng.choice([0.0, 0.5, 0.99]))

    @property
    def up(self) -> UpstreamModel | None:
        return self.ledger.up

    @property
    def upstream(self) -> UpstreamModel:
        assert self.ledger.up is not None
        return self.ledger.up

    def feed(self, event: Event) -> None:
        """Handle an event, enter it in the ledger, and check that no deadline has passed."""
        self.passing = False
        self.ledger.unanswered_ms = self.session.statistics().replay_ms
        commands = self.handle(event)
        self.ledger.enter(event, commands, self.now)
        deadline = self.session.deadline
        assert deadline is None or deadline > self.now or self.sends_in_slices, "a deadline that has passed"
        self.passing = True

    @property
    def sends_in_slices(self) -> bool:
        """Whether the ready session has more to send, with the next tick, which is wanted at once."""
        found = self.session.statistics()
        return found.state is State.READY and found.buffered_messages + found.buffered_ms > 0

    def everything_is_sent(self) -> None:
        """Wait until what is sent in slices has arrived."""
        while live(self) and self.sends_in_slices:
            self.feed(Tick())

    def handle(self, event: Event) -> list[Command]:
        return self.session.handle(event, self.now)

    def mark(self) -> int:
        self.serial += 1
        return self.serial

    def offer(self, entry: ClientInput) -> None:
        self.ledger.accept(entry)
        self.feed(entry)

    # The client

    @rule()
    def requests_a_session(self) -> None:
        self.feed(CreateSession({"turnDetection": "none"} if self.manual else {}))

    @rule(ms=st.integers(1, 400))
    def speaks(self, ms: int) -> None:
        self.offer(ClientAudio(chunk(self.mark(), ms)))

    @precondition(lambda self: self.manual)
    @rule()
    def commits(self) -> None:
        self.offer(ClientCommit())

    @rule()
    def types(self) -> None:
        self.offer(ClientText(f"t{self.mark()}"))

    @rule()
    def answers_a_call(self) -> None:
        mark = self.mark()
        self.offer(ClientToolResult(f"c{mark}", f"o{mark}"))

    @precondition(lambda self: self.manual)
    @rule(clear=st.booleans())
    def sends_a_native_event(self, *, clear: bool) -> None:
        kind = "input_audio_buffer.clear" if clear else "conversation.item.retrieve"
        body = {"type": kind, "mark": self.mark()}
        self.offer(ClientNative(kind, json.dumps(body).encode(), body))

    @precondition(lambda self: self.manual and live(self))
    @rule(commits=st.booleans(), clears=st.booleans())
    def speaks_and_is_lost(self, *, commits: bool, clears: bool) -> None:
        """What it committed is replayed, with its commit; what it cleared is not."""
        self.speaks(200)
        if commits:
            self.commits()
            self.speaks(100)
        if clears:
            self.sends_a_native_event(clear=True)
        self.is_lost_and_opened_again()

    @precondition(lambda self: live(self) and not self.sends_in_slices)  # the ledger counts no requests that wait
    @rule(beside=st.booleans())
    def asks_for_a_response(self, *, beside: bool) -> None:
        body: dict[str, Any] = {"type": "response.create", "response": {"conversation": "none"} if beside else {}}
        if not beside:
            self.feed(ClientNative("response.create", json.dumps(body).encode(), body))

    @rule(played_ms=st.sampled_from([None, 100]))
    def interrupts(self, played_ms: int | None) -> None:
        self.feed(Interrupt(None, played_ms))

    @rule(item=st.integers(0, 9), played_ms=st.sampled_from([0, 100]))
    def plays_an_answer(self, item: int, played_ms: int) -> None:
        """Nothing goes upstream for it, and an answer without audio counts as heard."""
        self.feed(PlaybackProgress(f"i{item}", played_ms))

    @rule(event=st.sampled_from([RestartSession(), EndSession(), Ping(1), BadMessage("INVALID_MESSAGE", "x")]))
    def does_something_else(self, event: Event) -> None:
        self.feed(event)

    @precondition(lambda self: self.serial > 6)
    @rule(event=st.sampled_from([ClientGone(), ClientLimitExceeded("SLOW_CONSUMER", "Slow.", 1013), Drain(3.0)]))
    def comes_to_an_end(self, event: Event) -> None:
        self.feed(event)

    @precondition(lambda self: live(self) and self.serial > 20)
    @rule()
    def is_asked_to_end_in_the_middle_of_something(self) -> None:
        self.types()
        self.feed(Drain(1.0))
        self.passes(1.0)

    # The upstream opens, or does not

    @precondition(lambda self: self.session.statistics().state in (State.IDLE, State.FAILED))
    @rule()
    def a_session_is_opened(self) -> None:
        self.requests_a_session()
        self.is_opened()

    @precondition(lambda self: self.up is not None and not self.up.created)
    @rule()
    def is_opened(self) -> None:
        for step in (self.is_created, self.is_configured):
            if self.up is not None and not self.up.ready:
                step() if step == self.is_configured else self.is_created(None)

    @precondition(live)
    @rule()
    def is_lost_and_opened_again(self) -> None:
        if live(self):
            self.is_lost(UNAVAILABLE)
        if self.session.statistics().phase is Phase.RECONNECTING:
            while self.up is None and self.session.deadline is not None:
                self.comes_to_the_deadline()
            self.is_opened()

    @precondition(lambda self: self.up is not None and not self.up.created)
    @rule(left=st.sampled_from([None, None, 5.0, 60.0, 3600.0, -5.0]))
    def is_created(self, left: float | None) -> None:
        self.upstream.created = True
        self.feed(created(self.upstream.generation, None if left is None else self.now + left))

    @precondition(lambda self: self.up is not None)
    @rule()
    def says_once_more_or_too_early_that_it_is_there(self) -> None:
        """Neither makes a session ready, and it is configured once."""
        up = self.upstream
        if up.created:
            self.feed(created(up.generation))
        else:
            self.feed(configured(up.generation) if self.manual else configured_with_vad(up.generation))

    @precondition(lambda self: self.up is not None and self.up.configure_sent and not self.up.ready)
    @rule()
    def is_configured(self) -> None:
        self.upstream.ready = True
        self.feed(
            configured(self.upstream.generation) if self.manual else configured_with_vad(self.upstream.generation)
        )

    @precondition(lambda self: self.up is not None and not self.up.ready)
    @rule(failure=FAILURES)
    def is_not_reached(self, failure: Failure) -> None:
        self.feed(AttemptFailed(self.ledger.upstream_gone(), failure))

    @precondition(lambda self: self.up is not None)
    @rule(failure=LOSSES, acknowledged=st.booleans())
    def is_lost(self, failure: Failure, *, acknowledged: bool = False) -> None:
        """`acknowledged`: it answered a ping that was sent after all audio."""
        if self.upstream.ready and failure is EXPIRED and not self.rollover:
            self.ledger.terminal_errors.add("SESSION_EXPIRED")
        acknowledged_bytes = self.upstream.position if acknowledged else None
        self.feed(replace(lost(self.ledger.upstream_gone(), failure), acknowledged_bytes=acknowledged_bytes))

    @precondition(live)
    @rule(failure=LOSSES, acknowledged=st.booleans())
    def is_lost_while_somebody_speaks(self, failure: Failure, *, acknowledged: bool) -> None:
        for ms in (400, 350):
            if live(self):
                self.speaks(ms)
        if live(self):
            self.is_lost(failure, acknowledged=acknowledged)

    # Time

    @rule(seconds=st.sampled_from([0.001, 0.02, 0.5, 1.0, 2.0, 20.0]))
    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.feed(Tick())

    @rule()
    def comes_to_the_deadline(self) -> None:
        if self.session.deadline is not None:
            self.now = self.session.deadline
            self.feed(Tick())
