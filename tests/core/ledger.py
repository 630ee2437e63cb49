"""The books that the state machine keeps of everything that goes into the core and comes out of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bridge.core.commands import (
    CloseClient,
    CloseUpstream,
    Command,
    Configure,
    Forward,
    LogEvent,
    OpenUpstream,
    SendAudio,
    SendEvent,
    SendFrame,
    SendMessage,
)
from bridge.core.events import ClientAudio, ClientGone, ClientInput, Event, UpstreamEvent, UpstreamLost
from tests.core.upstream_model import A_COMMIT, BYTES_PER_MS, AudioRun, UpstreamModel, run_of, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.session import Session

Sent = Configure | SendAudio | SendEvent | SendFrame
COMMIT, ITEM, ASK = "input_audio_buffer.commit", "conversation.item.create", "response.create"


class Ledger:
    """What was accepted, sent, dropped and told. Whatever breaks a promise is an assertion here."""

    def __init__(self, *, manual: bool, resend_ms: int) -> None:
        self.manual, self.bound = manual, resend_ms * BYTES_PER_MS
        self.up: UpstreamModel | None = None
        self.lost_up: UpstreamModel | None = None
        """The last session that was ready, until the one that follows is."""
        self.generation = 0
        self.over = False
        # What is being entered
        self.batch: list[Command] = []
        self.now, self.closing, self.taken = 0.0, False, False
        self.sent: list[Sent] = []
        """What went up and is not entered yet."""
        self.accepted_bytes = self.accepted_others = 0
        self.sent_bytes = self.sent_others = 0
        self.dropped_ms = self.dropped_others = 0
        self.dropped_after_all_ms = 0.0
        """What had gone up before it was given up."""
        self.unanswered_ms = 0.0
        """How much had gone up and was not answered, before the event that is being entered."""
        self.last_sent = 0
        """The highest mark that went up for the first time."""
        self.error_at = self.notice_at = float("-inf")
        self.endings: set[str] = set()
        """Errors that ended a session and have not come out."""

    def accepted(self, entry: ClientInput) -> None:
        if self.over:
            return
        if isinstance(entry, ClientAudio):
            self.accepted_bytes += len(entry.pcm)
        else:
            self.accepted_others += 1

    def let_go(self) -> int:
        """The upstream is gone by itself; its generation."""
        assert self.up is not None
        up, self.up = self.up, None
        self.lost_up = up if up.ready else self.lost_up
        return up.generation

    def enter(self, event: Event, commands: list[Command], now: float) -> None:
        """Enter what was done about an event."""
        if self.over:
            assert commands == [], "something was done after the end"
            return
        self.batch, self.now = commands, now
        self.taken = isinstance(event, UpstreamLost) and event.acknowledged_bytes is not None
        self.closing = any(isinstance(one, CloseClient) for one in commands)
        spoken_to = self.up.generation if self.up is not None else None
        if self.up is not None and getattr(event, "generation", None) == spoken_to:
            self.up.spoke_at = now
        for command in commands:
            if isinstance(command, Forward):
                assert getattr(event, "generation", None) == spoken_to, "forwarded from another generation"
            elif isinstance(command, OpenUpstream | CloseUpstream | SendAudio | SendEvent | SendFrame | Configure):
                self._to_upstream(command)
            else:
                self._to_others(command)
        if isinstance(event, UpstreamEvent) and event.generation == spoken_to:
            assert Forward(event.type, event.frame) in commands, "the client was not told what the upstream said"
        self._settle()
        self.over = self.closing or isinstance(event, ClientGone)
        if self.over:
            self._ended(commands)

    def _ended(self, commands: list[Command]) -> None:
        self.endings.clear()
        assert not any(isinstance(one, OpenUpstream) for one in commands)
        if self.closing:
            assert isinstance(commands[-1], CloseClient), "something came behind the close"
        else:
            assert not any(isinstance(one, SendMessage) for one in commands), "the client is gone"

    def _to_upstream(self, command: OpenUpstream | CloseUpstream | Sent) -> None:
        match command:
            case OpenUpstream(generation):
                assert self.up is None, "two upstreams at once"
                assert generation == self.generation + 1
                self.generation, self.up = generation, UpstreamModel(generation, self.bound)
            case CloseUpstream(generation):
                self._settle()
                assert self.let_go() == generation, "another one was closed"
            case _:
                assert self.up is not None, "there is nobody to send it to"
                assert command.generation == self.up.generation
                self.sent.append(command)

    def _to_others(self, command: Command) -> None:
        match command:
            case SendMessage(message):
                self._told(message)
            case LogEvent("session.lost", fields):
                self._past_bound(fields["pastBoundMs"], by_rollover=fields["reason"] == "rollover")
            case LogEvent("session.failed", fields):
                self.endings.add(fields["code"])
                self._given_up()
            case LogEvent("session.closed", {"reason": "expired", "pastBoundMs": past_bound_ms}):
                self._past_bound(past_bound_ms, by_rollover=False)
                self._given_up()
            case _:
                assert isinstance(command, LogEvent | CloseClient)

    # To the client

    def _given_up(self) -> None:
        """What the last session did not answer is dropped too: it is counted twice, as sent and as dropped."""
        if self.manual and self.lost_up is not None:
            assert self.unanswered_ms == self.lost_up.kept / BYTES_PER_MS
        self.dropped_after_all_ms += self.unanswered_ms
        self.lost_up = None

    def _past_bound(self, ms: float, *, by_rollover: bool) -> None:
        """What is too old to be sent again and was not answered is dropped with its session."""
        old = self.lost_up
        assert old is not None
        size = ms * BYTES_PER_MS
        if self.manual:
            assert size >= old.past_bound(), "speech past the bound was lost in silence"
            assert old.cleared or size == old.past_bound(), "speech that was answered or is kept was reported as lost"
        else:
            known = by_rollover or self.taken
            lost = max(0, old.kept_from - max(old.answered, old.needed_from(lately=not known)))
            assert size >= lost, "speech past the bound was lost in silence"
            assert size <= (lost if known else max(0, old.kept_from - old.answered)), "silence was reported as lost"
        self.dropped_after_all_ms += ms

    def _told(self, message: Mapping[str, Any]) -> None:
        kind = message["type"]
        if kind == "error":
            assert self.now >= self.error_at + 2.0 or self.closing, "two errors in one window"
            self.error_at = self.now
            self.endings.discard(message["code"])
        elif kind != "pong":
            assert message["generation"] == self.generation + (kind == "session_initializing")
        if kind == "audio_dropped":
            assert self.now >= self.notice_at + 1.0 or self.closing, "two notices in one second"
            self.notice_at = self.now
            self.dropped_ms += message["ms"]
            self.dropped_others += message["messages"]
        elif kind == "session_closed" and message["reason"] != "expired":
            self._settle()
            self.lost_up = None

    # To the upstream

    def _settle(self) -> None:
        """Enter what went up so far."""
        sent, self.sent = self.sent, []
        if not sent:
            return
        assert self.up is not None
        again = [
            one.message for one in self.batch if isinstance(one, SendMessage) and one.message["type"] == "reconnected"
        ]
        if again:
            old, self.lost_up = self.lost_up, None
            assert old is not None
            sent = self._check_again(old, sent, again[0])
        for command in sent:
            self.up.take(command, self.now)
            self._first_time(command)

    def _first_time(self, command: Sent) -> None:
        """Count what the client itself wanted sent, and see to its order."""
        mark = 0
        match command:
            case SendAudio(_, pcm):
                mark = run_of(pcm)[0]
                self.sent_bytes += len(pcm)
            case SendEvent(_, event) if event["type"] == ITEM:
                mark = int(words_of(event["item"])[1:])
                self.sent_others += 1
            case SendEvent(_, event) if event["type"] == COMMIT:
                self.sent_others += 1
            case SendFrame(_, frame) if "mark" in (body := json.loads(frame)):
                mark = body["mark"]
                self.sent_others += 1
        if mark:
            assert mark > self.last_sent, "sent twice, or out of order"
            self.last_sent = mark

    def _check_again(self, old: UpstreamModel, sent: list[Sent], message: Mapping[str, Any]) -> list[Sent]:
        """Compare what a fresh session is told with what the old one knew; give what else goes up."""
        assert self.up is not None
        words = [
            words_of(one.event["item"]) for one in sent if isinstance(one, SendEvent) and one.event["type"] == ITEM
        ]
        assert words[: len(old.words)] == old.words, "the conversation did not come back as it was"
        again = self._expected_again(old, sent)
        assert message["resentMs"] == round(sum(size for _, size in again) / BYTES_PER_MS)
        items, runs, rest = len(old.words), list(again), []
        for command in sent:
            kind = command.event["type"] if isinstance(command, SendEvent) else ""
            if items and kind == ITEM:
                items -= 1
            elif runs and (isinstance(command, SendAudio) or kind == COMMIT):
                assert runs.pop(0) == (run_of(command.pcm) if isinstance(command, SendAudio) else A_COMMIT)
            else:
                rest.append(command)
                continue
            self.up.take(command, self.now)
        assert not runs, "unanswered speech was not sent again"
        if (old.asked or (old.active and old.by_request and not old.heard)) and not old.cancelled:
            asks = [one for one in rest if (isinstance(one, SendEvent) and one.event["type"] == ASK) or _asks(one)]
            assert asks, "an answer that was owed was not asked for again"
        return rest

    def _expected_again(self, old: UpstreamModel, sent: list[Any]) -> list[AudioRun]:
        if self.manual:
            return old.from_position(old.kept_from)
        known = {serial for _, serial, _ in old.runs}
        size = sum(len(one.pcm) for one in sent if isinstance(one, SendAudio) and run_of(one.pcm)[0] in known)
        start = old.position - size
        assert old.kept_from <= start <= max(old.kept_from, old.needed_from()), "words lost, or said twice"
        return old.from_position(start)

    def balance(self, session: Session) -> None:
        """What came in is what went up, was told of as dropped, is about to be, or still waits."""
        statistics, untold = session.statistics(), session._data.input_buffer._dropped.values()
        waiting_ms = statistics.buffered_ms + sum(one.ms for one in untold)
        waiting_others = statistics.buffered_messages + sum(one.messages for one in untold)
        sent_ms = self.sent_bytes / BYTES_PER_MS - self.dropped_after_all_ms
        assert self.accepted_bytes / BYTES_PER_MS == sent_ms + self.dropped_ms + waiting_ms
        assert self.accepted_others == self.sent_others + self.dropped_others + waiting_others


def _asks(command: Sent) -> bool:
    return isinstance(command, SendFrame) and json.loads(command.frame)["type"] == ASK
