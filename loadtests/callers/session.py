"""What one caller says and what it makes of what it hears, on one socket. Pure: frames and the time in, frames out.

`call.py` holds the socket and the clock. A `Talk` asks for its session, speaks when a chunk is due, asks again when its
session failed while the socket stayed open, and notes what it measures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

from loadtests.callers.answers import Answers
from loadtests.callers.bad_messages import Rude
from loadtests.callers.client_events import (
    Answered,
    Complaint,
    Dropped,
    Lost,
    Opened,
    Over,
    Ready,
    Sound,
    Stale,
    Trying,
    Words,
)
from loadtests.callers.error_audit import ErrorsSeen
from loadtests.callers.reconnect_watchdog import Patience
from loadtests.callers.session_interval import Spell
from loadtests.callers.speech_clock import CATCH_UP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.protocol.audio.tracer import TracerSource
    from loadtests.callers.backoff import Waits
    from loadtests.callers.echo import Echo
    from loadtests.callers.protocols import Line
    from loadtests.callers.speech_clock import Pace
    from loadtests.metrics.recorder import Notes
    from loadtests.scenarios.behaviour import Behaviour

#: The longest wait for a session: all attempts of a bridge, with their back-off.
READY_SECONDS = 45.0
#: Whoever hangs up so long behind a loss that was not mended was left waiting: no good bridge needs more time.
_LEFT_SECONDS = 12.0
#: Why a bridge may end a session that nobody asked it to end.
_REASONS = frozenset({"expired", "draining"})
_TYPED = "How is my portfolio doing today?"
_MS = 1000.0

Frame = str | bytes


@dataclass(slots=True, kw_only=True)
class Talk:
    """One socket's worth of talk. Times `now` are seconds on one clock, `wall` is unix seconds."""

    behaviour: Behaviour
    line: Line
    source: TracerSource
    pace: Pace
    notes: Notes
    waits: Waits
    lost_at: float | None = None
    """When this caller lost the session that a new one replaces."""
    is_ready: bool = False
    """Whether there is a session now, as far as a caller can know."""
    was_ready: bool = False
    has_failed: bool = False
    """No session will come of this any more."""
    over: str = ""
    """Why the session is over by intent, if it is."""
    is_leaving: bool = False
    """The caller said goodbye: what the bridge gives up from here on is given up at his wish."""
    turns: int = 0
    resent_ms: float = 0.0
    dropped_ms: float = 0.0
    answers: Answers = field(init=False)
    rude: Rude = field(init=False)
    errors: ErrorsSeen = field(default_factory=ErrorsSeen)
    held_up_until: float = 0.0
    """Until when the target itself kept us from sending: lateness before that is not ours."""
    patience: Patience = field(default_factory=Patience)
    echo: Echo | None = None
    """The account of speech, where it is made of the answers."""
    spell: Spell = field(default_factory=Spell)
    _sounded: bool = False
    """Whether there was a sound since the last answer was over: also one that began before the sentence ended."""
    _ready_at: float = 0.0
    _asked: float | None = None
    _ask_at: float | None = None
    _first_asked: float | None = None
    _next_typed: float = 0.0

    def __post_init__(self) -> None:
        self.answers = Answers(self.notes.took)
        self.rude = Rude(self.behaviour.bad_messages_per_second)

    # ---- what is said

    @property
    def is_done(self) -> bool:
        """Whether this caller has had enough."""
        return self.has_failed or 0 < self.behaviour.turns <= self.turns

    @property
    def has_session(self) -> bool:
        """Whether a session was asked for and is not over: there is something to say goodbye to."""
        return self._asked is not None and not self.over

    def begin(self, now: float) -> Sequence[Frame]:
        """Give what opens the session; the socket lives."""
        self._asked, self._ask_at = now, None
        self._first_asked = self._first_asked or now
        self.patience.wait(now)
        self._next_typed = now
        self.rude.begin(now)
        self.over = ""
        return self.line.opening()

    def take(self, now: float) -> Sequence[Frame]:
        """Give the next frames that are due; nothing when it is not yet time for any."""
        self._judge_readiness(now)
        if self._ask_at is not None and now >= self._ask_at:
            return self.begin(now)
        if self._may_speak():
            return self._type(now) if self.behaviour.typed else self._speak(now)
        if self.was_ready or self.lost_at is not None:  # in the middle of a call one talks on, into nothing
            self._pass_over(now)
        self.pace.sleep_through(now)
        return ()

    def _may_speak(self) -> bool:
        asked = self._asked is not None and not self.over
        return asked and (self.was_ready or self.behaviour.speaks_before_ready)

    def _judge_readiness(self, now: float) -> None:
        """What never gets ready is a failed call; so is one that the bridge says nothing more about."""
        first = self._first_asked
        if first is not None and now - first > READY_SECONDS:
            self._fail("no session in time", now)
        elif self.line.tells_of_attempts and self.patience.is_over(now) and not self.has_failed:
            self.notes.counted("stranded_calls")
            self._fail("no session, and not a word more about it", now)

    def _speak(self, now: float) -> Sequence[Frame]:
        """Give a chunk when one is due, as a microphone does, and what else has come due with it."""
        pace, chunk = self.pace, self.behaviour.chunk_ms
        self._pass_over(now - CATCH_UP_SECONDS)
        if now < pace.due:
            return ()
        if not pace.is_speaking and self._cuts_in():
            return self.line.interrupt(self.answers.item_id, self.behaviour.interrupts_after_ms)
        before = self.source.sent_ms
        pcm = self.source.speech(chunk) if pace.is_speaking else self.source.silence(chunk)
        if self.echo is not None and pace.is_speaking:
            self.echo.said(before, self.source.sent_ms)
        self.notes.sent_chunk(chunk, max(0.0, now - max(pace.due, self.held_up_until)), now)
        self._went(sent=True)
        return (self.line.chunk(pcm), *self.rude.due(now))

    def _pass_over(self, until: float) -> None:
        """Give up what was due until then; the sentence ends when it would have ended."""
        while self.pace.due <= until:
            if self.pace.is_speaking:
                self.notes.counted("passed_over_ms", self.behaviour.chunk_ms)
            self._went(sent=False)

    def _went(self, *, sent: bool) -> None:
        due, ended = self.pace.due, self.pace.went(sent=sent)
        if ended is not None and self.pace.sent_ms:
            self.answers.asked(ended)
            self.spell.asked(ended)
        elif not self.pace.is_speaking and self._may_go_on(due):
            self.pace.next_sentence()

    def _may_go_on(self, at: float) -> bool:
        """Say whether the next sentence may begin: the answer is over, or was waited for long enough."""
        owed_since = self.answers.owed_since
        if owed_since is None:
            return self.pace.quiet_ms >= self.behaviour.pause_ms
        if at - owed_since < self.behaviour.listen_ms / _MS:
            return False
        self._unanswered()
        return True

    def _cuts_in(self) -> bool:
        """Cut in when enough of the answer was heard: the next sentence begins at once."""
        cut_in, answers = self.behaviour.interrupts_after_ms, self.answers
        if not cut_in or answers.owed_since is None or answers.heard_ms < cut_in:
            return False
        answers.cut_in()
        self._turned()
        self._drop_echo()
        self.pace.next_sentence()
        return True

    def _type(self, now: float) -> Sequence[Frame]:
        """Give a typed turn when one is due: a pause behind the answer, or behind the wait for it."""
        self.pace.sleep_through(now)
        owed_since = self.answers.owed_since
        if owed_since is not None:
            if now - owed_since < self.behaviour.listen_ms / _MS:
                return ()
            self._unanswered()
            self._next_typed = now + self.behaviour.pause_ms / _MS
        if now < self._next_typed:
            return ()
        self.answers.asked(self._next_typed)
        return self.line.typed(_TYPED)

    # ---- what is heard

    def hear(self, frame: Frame, now: float, wall: float) -> None:
        """Take a frame."""
        signal = self.line.read(frame)
        match signal:
            case None | Opened():
                pass
            case Sound():
                self._sounded = True
                self.spell.answered()
                self.answers.sound(now, signal.ms, signal.item_id)
                if self.echo is not None:
                    self.echo.heard(signal.pcm)
            case Words():
                self.spell.answered()
                self.answers.words(now)
            case Answered():
                self._answered(signal, now)
            case Trying():
                self.patience.wait_for_the_next(now)
            case Ready():
                self._got_ready(signal, now)
            case Lost() | Over() | Complaint() | Dropped() | Stale():
                self._note(signal, now, wall)
            case _:
                assert_never(signal)

    def _note(self, signal: Lost | Over | Complaint | Dropped | Stale, now: float, wall: float) -> None:
        match signal:
            case Lost():
                self.broke(now)
                self.patience.wait(now, signal.delay_seconds)
            case Over():
                self._is_over(signal.reason, now)
            case Complaint():
                self._complained(signal, now, wall)
            case Dropped():
                self.dropped_ms += signal.ms
                self.notes.counted("dropped_ms", 0.0 if self.is_leaving else signal.ms)
            case Stale():
                self.notes.counted("stale_events")
            case _:
                assert_never(signal)

    def _answered(self, signal: Answered, now: float) -> None:
        self.spell.answered()
        sounded, self._sounded = self._sounded, False
        if signal.failed:
            self._unanswered()
        elif not signal.cancelled and self.answers.over(now):
            self._turned()
            if not (sounded or self.behaviour.typed):
                self.notes.counted("silent_answers")
            if self.echo is not None:
                self.echo.account(self.notes.counted)
        if self.answers.owed_since is None:
            self._next_typed = now + self.behaviour.pause_ms / _MS

    def _got_ready(self, signal: Ready, now: float) -> None:
        self.notes.pulse.ready += 1
        if self.lost_at is not None:
            self.notes.took("reconnect", now - self.lost_at)
            self.lost_at = None
        if signal.again:
            self.notes.counted("reconnections")
        elif self._first_asked is not None:
            self.notes.took("ready", now - self._first_asked)
        if signal.resent_ms:
            self.resent_ms += signal.resent_ms
            self.notes.counted("resent_ms", signal.resent_ms)
        if not self.was_ready and not self.behaviour.speaks_before_ready:
            self._next_typed = now
        self.is_ready, self.was_ready, self._ready_at = True, True, now
        self._first_asked = None
        self.patience.rest()
        self.spell.begin(now)

    def broke(self, now: float) -> None:
        """Lose the session that there was, if there was one: by the bridge's word, or with the socket."""
        if self.is_ready:
            self.waits.held(now - self._ready_at)
        self._end_spell(now)
        if self.was_ready and self.lost_at is None:
            self.lost_at = now
        self.is_ready = False

    def leave(self, now: float) -> None:
        """Judge what there is to judge when the caller is about to hang up."""
        self._end_spell(now)
        if not (self.is_ready or self.over) and self.lost_at is not None and now - self.lost_at > _LEFT_SECONDS:
            self.notes.counted("left_waiting")

    def _end_spell(self, now: float) -> None:
        """Judge a stretch with a session; not where it is not told when one is lost, and not whoever hardly reads."""
        is_judged = self.line.tells_of_attempts and not self.behaviour.reads_bytes_per_second
        if self.spell.end(now, self.source.sent_ms) and is_judged:
            self.notes.counted("mute_sessions")

    def _is_over(self, reason: str, now: float) -> None:
        """It is over by intent; one that only grew too old is asked for again, as a good client does."""
        self._end_spell(now)
        self.is_ready, self.over = False, reason
        self.patience.rest()
        if reason not in _REASONS and not self.is_leaving:
            self.notes.counted("uncalled_ends")
        if reason == "expired":
            self._ask_again(now, 0.0)

    def _complained(self, signal: Complaint, now: float, wall: float) -> None:
        self.notes.complained(signal.code)
        self.errors.note(wall if signal.at is None else signal.at, signal.code, arrived=wall)
        if not signal.ends:
            return
        if signal.retryable:
            self._ask_again(now, signal.wait_seconds)
        else:
            self._fail(signal.code, now)

    def _ask_again(self, now: float, at_least: float) -> None:
        """The session failed and the socket did not: ask for a fresh one in a while."""
        self.broke(now)
        self.patience.rest()
        self._unanswered()
        if self._asked is not None:
            self.notes.pulse.failed += 1
            self._asked, self._ask_at = None, now + self.waits.next_seconds(at_least)

    def _fail(self, why: str, now: float) -> None:
        if not self.has_failed:
            self.has_failed, self._asked, self.is_ready = True, None, False
            self.notes.pulse.failed += 1
            since = self._first_asked if self._first_asked is not None else now
            self.notes.failed_at("failed_calls", why, now - since)

    def _turned(self) -> None:
        self.turns += 1
        self.notes.counted("turns")

    def _drop_echo(self) -> None:
        if self.echo is not None:
            self.echo.dropped()

    def _unanswered(self) -> None:
        self._drop_echo()
        if self.answers.given_up() and self.was_ready:
            self.notes.counted("unanswered_turns")
