"""What operators are told of interruptions: callers who speak over an answer, echo, answers that go on or end at once.

It changes nothing in the session. An assistant that hears itself through the caller's loudspeaker interrupts itself:
speech starts while its own answer plays, the transcript repeats the answer, and answers are cancelled as soon as they
begin. A client that is slow to fall silent talks over its caller.

How far an answer has been played is what the client reports (`playback`) and the time since. Without reports it is
taken to play from its first audio on, which tells whether it plays, but not how soon it fell silent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

#: Cancelled this soon after its start, an answer was hardly meant to be.
CUT_SHORT_SECONDS: Final = 0.3
#: An answer that plays on for longer than this after the caller began to speak is noticed.
SLOW_BARGE_IN_MS: Final = 300.0
#: How many turns may wait for their transcripts.
_MAX_TURNS = 8
#: How many words at least, and what part of them, make two texts the same speech.
_MIN_WORDS = 3
_SAME_PART = 0.6
_WORDS = re.compile(r"(?:[^\W_]|')+")


def sounds_like_echo(said: str, answer: str) -> bool:
    """Return whether a caller's transcript repeats an answer: then the microphone heard the loudspeaker."""
    heard, known = _WORDS.findall(said.lower()), set(_WORDS.findall(answer.lower()))
    return len(heard) >= _MIN_WORDS and sum(word in known for word in heard) / len(heard) >= _SAME_PART


@dataclass(frozen=True, slots=True)
class _Position:
    item_id: str
    ms: float
    at: float
    reported: bool

    def now(self, now: float) -> float:
        return self.ms + (now - self.at) * 1000


class Interruptions:
    """How far the answer of one upstream session is being played, and who speaks over it."""

    __slots__ = ("_position", "_spoke_up", "_spoken_over")

    def __init__(self) -> None:
        self._position: _Position | None = None
        """Of the answer that plays, or played last; None once it was silenced."""
        self._spoke_up: tuple[str, float] | None = None
        """The answer that the caller speaks over, and how much had been played; None once that was judged."""
        self._spoken_over: dict[str, str] = {}
        """The caller's turns without a transcript that began while an answer played, each with that answer."""

    def audio_begins(self, item_id: str, now: float) -> None:
        """Record that the first audio of an answer goes to the client."""
        self._position = _Position(item_id, 0.0, now, reported=False)

    def played(self, item_id: str, ms: float, now: float) -> float | None:
        """Record a report of the client. Returns for how many ms too many it has gone on, once."""
        if self._position is not None and self._position.item_id == item_id:
            self._position = _Position(item_id, ms, now, reported=True)
        played_on = self._played_on(item_id, ms)
        if played_on is None or played_on <= SLOW_BARGE_IN_MS:
            return None
        self._spoke_up = None
        return played_on

    def silenced(self, item_id: str | None, ms: float | None) -> float | None:
        """Record that the client stopped an answer. Returns for how many ms it went on after the caller spoke up.

        None: the caller did not, the client doesn't report what it plays, or `played` has returned it.
        """
        played_on = None if item_id is None or ms is None else self._played_on(item_id, ms)
        self._position = self._spoke_up = None
        return played_on

    def speech_started(self, turn: str, sent_ms: float, now: float) -> str | None:
        """A turn of the caller began. Returns the answer that plays meanwhile, of which `sent_ms` were sent."""
        playing = self._position
        if playing is None or playing.now(now) >= sent_ms:
            return None
        self._spoke_up = (playing.item_id, playing.now(now)) if playing.reported else None
        self._spoken_over[turn] = playing.item_id
        if len(self._spoken_over) > _MAX_TURNS:
            del self._spoken_over[next(iter(self._spoken_over))]
        return playing.item_id

    def transcribed(self, turn: str) -> str | None:
        """Return the answer that played when this turn began, as its transcript comes; None if none did."""
        return self._spoken_over.pop(turn, None)

    def _played_on(self, item_id: str, ms: float) -> float | None:
        if self._spoke_up is None or self._spoke_up[0] != item_id:
            return None
        return max(0.0, ms - self._spoke_up[1])
