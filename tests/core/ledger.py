"""The ledger of the state machine: everything that goes into the core and comes out of it is entered and compared."""

from __future__ import annotations

import json
from array import array
from itertools import groupby
from typing import TYPE_CHECKING, Any

from bridge.core.commands import (
    CloseClient,
    CloseUpstream,
    Command,
    Configure,
    EndResponse,
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
COMMIT, ITEM, REQUEST = "input_audio_buffer.commit", "conversation.item.create", "response.create"


class Ledger:
    """What was accepted, sent, dropped and reported. What must hold in any order of events is asserted here."""

    def __init__(self, *, manual: bool, replay_ms: int) -> None:
        self.manual, self.bound = manual, replay_ms * BYTES_PER_MS
        self.up: UpstreamModel | None = None
        self.lost_up: UpstreamModel | None = None
        """The last session that was ready, until the next one is."""
        self.generation = 0
        self.closed = False
        # What is being entered
        self.batch: list[Command] = []
        self.now, self.closing, self.acknowledged = 0.0, False, False
        self.sent: list[Sent] = []
        """What was sent upstream and is not entered yet."""
        self.accepted_bytes = self.accepted_others = 0
        self.sent_bytes = self.sent_others = 0
        self.dropped_ms = self.dropped_others = 0
        self.dropped_after_sending_ms = 0.0
        """What was sent upstream before it was dropped."""
        self.unanswered_ms = 0.0
        """How much unanswered speech there was before the event that is being entered."""
        self.last_sent = 0
        """The highest mark that was sent upstream for the first time."""
        self.last_error_at = self.last_drop_at = float("-inf")
        self.terminal_errors: set[str] = set()
        """The codes of terminal errors that were not sent yet."""
        self.open_responses: set[str] = set()
        """The ids of the responses that the client saw begin, and has not seen end."""

    def accept(self, entry: ClientInput) -> None:
        if self.closed:
            return
        if isinstance(entry, ClientAudio):
            self.accepted_bytes += len(entry.pcm)
        else:
            self.accepted_others += 1

    def upstream_gone(self) -> int:
        """The upstream session is gone. Returns its generation."""
        assert self.up is not None
        up, self.up = self.up, None
        self.lost_up = up if up.ready else self.lost_up
        return up.generation

    def enter(self, event: Event, commands: list[Command], now: float) -> None:
        """Enter an event and the commands that came of it."""
        if self.closed:
            assert commands == [], "something was done after the end"
            return
        self.batch, self.now = commands, now
        self.acknowledged = isinstance(event, UpstreamLost) and event.acknowledged_bytes is not None
        self.closing = any(isinstance(one, CloseClient) for one in commands)
        current = self.up.generation if self.up is not None else None
        if self.up is not None and getattr(event, "generation", None) == current:
            self.up.last_event_at = now
        for command in commands:
            if isinstance(command, Forward):
                assert getattr(event, "generation", None) == current, "forwarded from another generation"
            elif isinstance(command, OpenUpstream | CloseUpstream | SendAudio | SendEvent | SendFrame | Configure):
                self._to_upstream(command)
            else:
                self._to_others(command)
        if isinstance(event, UpstreamEvent) and event.generation == current:
            assert Forward(event.type, event.frame) in commands, "an upstream event was not forwarded"
            self._enter_response(event)
        assert self.up is not None or not self.open_responses or isinstance(event, ClientGone), "a response never ends"
        self._settle()
        self.closed = self.closing or isinstance(event, ClientGone)
        if self.closed:
            self._ended(commands)

    def _enter_response(self, event: UpstreamEvent) -> None:
        response_id = (event.body or {}).get("response", {}).get("id")
        if event.type == "response.created":
            self.open_responses.add(response_id)
        elif event.type == "response.done":
            self.open_responses.discard(response_id)

    def _ended(self, commands: list[Command]) -> None:
        self.terminal_errors.clear()
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
                assert self.upstream_gone() == generation, "another one was closed"
            case _:
                assert self.up is not None, "there is no upstream to send it to"
                assert command.generation == self.up.generation
                self.sent.append(command)

    def _to_others(self, command: Command) -> None:
        match command:
            case SendMessage(message):
                self._enter_message(message)
            case LogEvent("session.lost", fields):
                self._past_bound(fields["pastBoundMs"], by_rollover=fields["reason"] == "rollover")
            case LogEvent("session.failed", fields):
                self.terminal_errors.add(fields["code"])
                self._session_failed()
            case LogEvent("session.closed", {"reason": "expired", "pastBoundMs": past_bound_ms}):
                self._past_bound(past_bound_ms, by_rollover=False)
                self._session_failed()
            case EndResponse(response):
                assert response.response["id"] in self.open_responses, "a response ends twice"
                self.open_responses.discard(response.response["id"])
            case _:
                assert isinstance(command, LogEvent | CloseClient)

    # To the client

    def _session_failed(self) -> None:
        """What the last session did not answer is dropped: it counts twice, as sent and as dropped."""
        if self.manual and self.lost_up is not None:
            assert self.unanswered_ms == self.lost_up.kept / BYTES_PER_MS
        self.dropped_after_sending_ms += self.unanswered_ms
        self.lost_up = None

    def _past_bound(self, ms: float, *, by_rollover: bool) -> None:
        """Unanswered speech that is too old to be replayed is dropped with its session."""
        old = self.lost_up
        assert old is not None
        size = ms * BYTES_PER_MS
        if self.manual:
            assert size >= old.past_bound(), "speech past the bound was lost silently"
            assert old.cleared or size == old.past_bound(), "speech that was answered or is kept was reported as lost"
        else:
            known = by_rollover or self.acknowledged
            lost = max(0, old.kept_from - max(old.answered, old.needed_from(lately=not known)))
            assert size >= lost, "speech past the bound was lost silently"
            assert size <= (lost if known else max(0, old.kept_from - old.answered)), "silence was reported as lost"
        self.dropped_after_sending_ms += ms

    def _enter_message(self, message: Mapping[str, Any]) -> None:
        kind = message["type"]
        if kind == "error":
            assert self.now >= self.last_error_at + 2.0 or self.closing, "two errors in one window"
            self.last_error_at = self.now
            self.terminal_errors.discard(message["code"])
        elif kind != "pong":
            assert message["generation"] == self.generation + (kind == "session_initializing")
        if kind == "audio_dropped":
            assert self.now >= self.last_drop_at + 1.0 or self.closing, "two notices in one second"
            self.last_drop_at = self.now
            self.dropped_ms += message["ms"]
            self.dropped_others += message["messages"]
        elif kind == "session_closed" and message["reason"] != "expired":
            self._settle()
            self.lost_up = None

    # To the upstream

    def _settle(self) -> None:
        """Enter what was sent upstream so far."""
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
            sent = self._check_recovery(old, [part for command in sent for part in _parts(command)], again[0])
        for command in sent:
            self.up.receive(command, self.now)
            self._first_time(command)

    def _first_time(self, command: Sent) -> None:
        """Count what the client sent, and check its order."""
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

    def _check_recovery(self, old: UpstreamModel, sent: list[Sent], message: Mapping[str, Any]) -> list[Sent]:
        """Compare what a fresh session is sent with what the old one knew. Returns what else is sent."""
        assert self.up is not None
        words = [
            words_of(one.event["item"]) for one in sent if isinstance(one, SendEvent) and one.event["type"] == ITEM
        ]
        assert words[: len(old.words)] == old.words, "the conversation was not restored as it was"
        again = self._expected_replay(old, sent)
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
            self.up.receive(command, self.now)
        assert not runs, "unanswered speech was not replayed"
        if (old.requested or (old.active and old.by_request and not old.reached_client)) and not old.cancelled:
            requests = [
                one for one in rest if (isinstance(one, SendEvent) and one.event["type"] == REQUEST) or _is_request(one)
            ]
            assert requests, "an outstanding response was not requested again"
        return rest

    def _expected_replay(self, old: UpstreamModel, sent: list[Any]) -> list[AudioRun]:
        if self.manual:
            return old.from_position(old.kept_from)
        known = {serial for _, serial, _ in old.runs}
        size = sum(len(one.pcm) for one in sent if isinstance(one, SendAudio) and run_of(one.pcm)[0] in known)
        start = old.position - size
        assert old.kept_from <= start <= max(old.kept_from, old.needed_from()), "words lost, or replayed twice"
        return old.from_position(start)

    def balance(self, session: Session) -> None:
        """All input was sent upstream, was reported as dropped or will be, or is still buffered."""
        statistics, unreported = session.statistics(), session._data.input_buffer._dropped.values()
        waiting_ms = statistics.buffered_ms + sum(one.ms for one in unreported)
        waiting_others = statistics.buffered_messages + sum(one.messages for one in unreported)
        sent_ms = self.sent_bytes / BYTES_PER_MS - self.dropped_after_sending_ms
        assert self.accepted_bytes / BYTES_PER_MS == sent_ms + self.dropped_ms + waiting_ms
        assert self.accepted_others == self.sent_others + self.dropped_others + waiting_others


def _parts(command: Sent) -> list[Sent]:
    """What is sent again may be several chunks in one: take them apart."""
    if not isinstance(command, SendAudio):
        return [command]
    samples = memoryview(command.pcm).cast("H")
    return [SendAudio(command.generation, array("H", run).tobytes()) for _, run in groupby(samples)]


def _is_request(command: Sent) -> bool:
    return isinstance(command, SendFrame) and json.loads(command.frame)["type"] == REQUEST
