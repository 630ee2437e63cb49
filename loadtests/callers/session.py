"""The caller's side of one socket: what it sends, and how it reacts to frames. Pure: frames and times in, frames out.

`call.py` owns the socket and the clock. A `CallerSession` requests a session, sends audio when a chunk is due, requests
another session if one fails while the socket stays open, and records measurements.

Whether there is a session is kept by `session_lifecycle.py`; this module speaks and listens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

from loadtests.callers import client_events as events
from loadtests.callers.answers import AnswerTimer
from loadtests.callers.bad_messages import BadMessages
from loadtests.callers.echo import EchoAudit
from loadtests.callers.error_audit import ErrorAudit
from loadtests.callers.protocols import protocol_for
from loadtests.callers.session_lifecycle import SessionLifecycle
from loadtests.callers.speech_clock import CATCH_UP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.protocol.audio.tracer import TracerSource
    from loadtests.callers.backoff import Backoff
    from loadtests.callers.protocols import EndpointProtocol
    from loadtests.callers.speech_clock import SpeechClock
    from loadtests.metrics.recorder import CallRecorder
    from loadtests.scenarios.behaviour import CallerBehaviour

_TEXT_TURN = "How is my portfolio doing today?"
_MS = 1000.0

Frame = str | bytes


@dataclass(slots=True, kw_only=True)
class CallerSession:
    """The conversation on one socket. `now` is seconds on one clock, `wall` is Unix seconds."""

    behaviour: CallerBehaviour
    protocol: EndpointProtocol
    audio_source: TracerSource
    speech_clock: SpeechClock
    recorder: CallRecorder
    lifecycle: SessionLifecycle
    """Whether there is a session, and when to request one."""
    turns: int = 0
    resent_ms: float = 0.0
    dropped_ms: float = 0.0
    answer_timer: AnswerTimer = field(init=False)
    bad_messages: BadMessages = field(init=False)
    error_audit: ErrorAudit = field(default_factory=ErrorAudit)
    blocked_until: float = 0.0
    """Until when the target blocked our sends. Lateness before that is not the generator's fault."""
    echo: EchoAudit | None = None
    """The audit by echo, if the behaviour asks for it."""
    _had_audio: bool = False
    """Whether audio arrived since the last answer ended, including audio that started before the sentence ended."""
    _next_text_at: float = 0.0

    def __post_init__(self) -> None:
        self.answer_timer = AnswerTimer(self.recorder.record_duration)
        self.bad_messages = BadMessages(self.behaviour.bad_messages_per_second)

    # ---- sending

    @property
    def is_done(self) -> bool:
        """Whether this caller has finished: enough turns, or no more sessions."""
        return self.lifecycle.has_failed or 0 < self.behaviour.turns <= self.turns

    def start(self, now: float) -> Sequence[Frame]:
        """Return the frames that request a session. The socket must be open."""
        self.lifecycle.requested(now)
        self._next_text_at = now
        self.bad_messages.start(now)
        return self.protocol.create_session()

    def next_frames(self, now: float) -> Sequence[Frame]:
        """Return the frames that are due now; empty if none are."""
        lifecycle = self.lifecycle
        lifecycle.check(now)
        if self.bad_messages.went_unanswered(now):
            self.recorder.add_count("unanswered_messages")
        if lifecycle.request_is_due(now):
            return self.start(now)
        if lifecycle.is_requested and (lifecycle.was_ready or self.behaviour.speaks_before_ready):
            return self._next_text_turn(now) if self.behaviour.sends_text else self._next_chunk(now)
        if lifecycle.was_ready or lifecycle.lost_at is not None:  # during a call, the caller talks on without a session
            self._skip_until(now)
        self.speech_clock.skip_to(now)
        return ()

    def _next_chunk(self, now: float) -> Sequence[Frame]:
        """Return the next chunk if it is due, as from a microphone, with any invalid messages that are due as well."""
        clock, chunk = self.speech_clock, self.behaviour.chunk_ms
        self._skip_until(now - CATCH_UP_SECONDS)
        if now < clock.due:
            return ()
        if not clock.is_speaking and self._interrupt_is_due():
            return self.protocol.interrupt(self.answer_timer.item_id, self.behaviour.interrupt_after_ms)
        before = self.audio_source.sent_ms
        pcm = self.audio_source.speech(chunk) if clock.is_speaking else self.audio_source.silence(chunk)
        if self.echo is not None and clock.is_speaking:
            self.echo.sent(before, self.audio_source.sent_ms)
        self.recorder.record_chunk(chunk, max(0.0, now - max(clock.due, self.blocked_until)), now)
        self._advance(sent=True)
        return (self.protocol.encode_audio(pcm), *self.bad_messages.due(now))

    def _skip_until(self, until: float) -> None:
        """Skip the chunks that were due until then. The sentence still ends when it would have ended."""
        while self.speech_clock.due <= until:
            if self.speech_clock.is_speaking:
                self.recorder.add_count("passed_over_ms", self.behaviour.chunk_ms)
            self._advance(sent=False)

    def _advance(self, *, sent: bool) -> None:
        due, ended = self.speech_clock.due, self.speech_clock.advance(sent=sent)
        if ended is not None and self.speech_clock.sent_ms:
            self.answer_timer.turn_ended(ended)
            self.lifecycle.interval.expect_answer(ended)
        elif not self.speech_clock.is_speaking and self._may_start_sentence(due):
            self.speech_clock.start_sentence()

    def _may_start_sentence(self, at: float) -> bool:
        """Return whether the next sentence may start: the answer is complete, or the caller has waited long enough."""
        waiting_since = self.answer_timer.waiting_since
        if waiting_since is None:
            return self.speech_clock.silence_ms >= self.behaviour.pause_ms
        if at - waiting_since < self.behaviour.answer_timeout_ms / _MS:
            return False
        self._give_up_answer()
        return True

    def _interrupt_is_due(self) -> bool:
        """Interrupt once enough of the answer was received. The next sentence starts at once."""
        after_ms, answers = self.behaviour.interrupt_after_ms, self.answer_timer
        if not after_ms or answers.waiting_since is None or answers.received_ms < after_ms:
            return False
        answers.interrupt()
        self._count_turn()
        self._discard_echo()
        self.speech_clock.start_sentence()
        return True

    def _next_text_turn(self, now: float) -> Sequence[Frame]:
        """Return a text turn when one is due: after a pause, or after the timeout for an answer."""
        self.speech_clock.skip_to(now)
        waiting_since = self.answer_timer.waiting_since
        if waiting_since is not None:
            if now - waiting_since < self.behaviour.answer_timeout_ms / _MS:
                return ()
            self._give_up_answer()
            self._next_text_at = now + self.behaviour.pause_ms / _MS
        if now < self._next_text_at:
            return ()
        self.answer_timer.turn_ended(self._next_text_at)
        return self.protocol.encode_text(_TEXT_TURN)

    # ---- receiving

    def receive(self, frame: Frame, now: float, wall: float) -> None:
        """Handle a frame that arrived at `now` (monotonic seconds), which is `wall` in Unix seconds."""
        event = self.protocol.decode(frame)
        match event:
            case None | events.OpenedEvent():
                pass
            case events.AnswerAudioEvent():
                self._had_audio = True
                self.lifecycle.interval.answer_seen()
                self.answer_timer.on_audio(now, event.ms, event.item_id)
                if self.echo is not None:
                    self.echo.received(event.pcm)
            case events.AnswerTextEvent():
                self.lifecycle.interval.answer_seen()
                self.answer_timer.on_text(now)
            case events.AnswerDoneEvent():
                self._answer_done(event, now)
            case events.TranscribedEvent():
                self.recorder.record_charge(event.charge)
            case events.AttemptEvent():
                self.lifecycle.watchdog.extend(now)
            case events.ReadyEvent():
                self._session_ready(event, now)
            case (
                events.LostEvent()
                | events.EndedEvent()
                | events.ErrorEvent()
                | events.DroppedEvent()
                | events.StaleEvent()
            ):
                self._handle_session_event(event, now, wall)
            case _:
                assert_never(event)

    def _handle_session_event(self, event: events.SessionEvent, now: float, wall: float) -> None:
        match event:
            case events.LostEvent():
                self.lifecycle.lost(now)
                self.lifecycle.watchdog.start(now, event.delay_seconds)
            case events.EndedEvent():
                self._session_ended(event.reason, now)
            case events.ErrorEvent():
                self._error_received(event, now, wall)
            case events.DroppedEvent():
                self.dropped_ms += event.ms
                self.recorder.add_count("dropped_ms", 0.0 if self.lifecycle.is_leaving else event.ms)
            case events.StaleEvent():
                self.recorder.add_count("stale_events")
            case _:
                assert_never(event)

    def _answer_done(self, event: events.AnswerDoneEvent, now: float) -> None:
        self.lifecycle.interval.answer_seen()
        had_audio, self._had_audio = self._had_audio, False
        if event.charge is not None:
            self.recorder.record_charge(event.charge)
        if event.failed:
            self.recorder.record_failed_answer(event.reason)
            self._give_up_answer()
        elif not event.cancelled and self.answer_timer.finish(now):
            self._count_turn()
            if not (had_audio or self.behaviour.sends_text):
                self.recorder.add_count("silent_answers")
            if self.echo is not None:
                self.echo.record(self.recorder.add_count)
        if self.answer_timer.waiting_since is None:
            self._next_text_at = now + self.behaviour.pause_ms / _MS

    def _session_ready(self, event: events.ReadyEvent, now: float) -> None:
        if not self.lifecycle.was_ready and not self.behaviour.speaks_before_ready:
            self._next_text_at = now
        self.lifecycle.ready(event, now)
        if event.resent_ms:
            self.resent_ms += event.resent_ms
            self.recorder.add_count("resent_ms", event.resent_ms)

    def _session_ended(self, reason: str, now: float) -> None:
        """The session ended on purpose. If it only expired, request a new one, as a good client does."""
        self.lifecycle.ended(reason, now)
        if reason == "expired":
            self._request_again(now, 0.0)

    def _error_received(self, event: events.ErrorEvent, now: float, wall: float) -> None:
        self.recorder.record_error(event.code, event.reason)
        if event.answers_messages:
            self.bad_messages.error_received()
        self.error_audit.record(wall if event.at is None else event.at, event.code, arrived=wall)
        if event.ends_session and event.retryable:
            self._request_again(now, event.retry_after_seconds)
        elif event.ends_session:
            self.lifecycle.fail(f"{event.code} ({event.reason})" if event.reason else event.code, now)

    def _request_again(self, now: float, at_least: float) -> None:
        self.lifecycle.schedule_request(now, at_least)
        self._give_up_answer()

    def _count_turn(self) -> None:
        self.turns += 1
        self.recorder.add_count("turns")

    def _discard_echo(self) -> None:
        if self.echo is not None:
            self.echo.discard()

    def _give_up_answer(self) -> None:
        self._discard_echo()
        if self.answer_timer.give_up() and self.lifecycle.was_ready:
            self.recorder.add_count("unanswered_turns")


def new_session(
    behaviour: CallerBehaviour,
    source: TracerSource,
    *,
    speech_clock: SpeechClock,
    recorder: CallRecorder,
    backoff: Backoff,
    lost_at: float | None = None,
) -> CallerSession:
    """Make the session of a new socket. `lost_at` is when this caller lost the session that the socket replaces."""
    protocol = protocol_for(behaviour)
    lifecycle = SessionLifecycle(
        recorder=recorder,
        audio_source=source,
        backoff=backoff,
        reports_attempts=protocol.reports_attempts,
        reads_slowly=bool(behaviour.read_bytes_per_second),
        lost_at=lost_at,
    )
    return CallerSession(
        behaviour=behaviour,
        protocol=protocol,
        audio_source=source,
        speech_clock=speech_clock,
        recorder=recorder,
        lifecycle=lifecycle,
        echo=EchoAudit(source.caller) if behaviour.echo else None,
    )
