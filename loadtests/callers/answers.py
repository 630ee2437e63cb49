"""A caller's answers: when they began, what was heard of them, and the silences in the middle. No sockets, no clock.

Latency counts from when the turn was *due* to end, not from when it was sent: a target that stalls the caller is not
flattered by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Nobody hears a silence that is shorter.
_HEARD_SECONDS = 0.001


@dataclass(slots=True)
class AnswerTimer:
    """The turn that waits for its answer, and the one answer that is heard. Times are seconds on one clock."""

    record_duration: Callable[[str, float], None]
    """Hears each duration that becomes known: `first_text`, `first_audio`, `turn`, `audio_gap`."""
    waiting_since: float | None = None
    """When the turn that waits was due to end; None where none waits."""
    item_id: str = ""
    received_ms: float = 0.0
    """Audio of this answer so far."""
    _cut_item: str = ""
    """The answer that was cut in upon: what is still on its way of it belongs to no turn."""
    _words: bool = False
    _plays_until: float | None = None
    _gap: float = 0.0

    def turn_ended(self, due: float) -> None:
        """Begin to wait: a turn was due to end at `due`."""
        self.waiting_since, self.item_id, self.received_ms = due, "", 0.0
        self._words, self._plays_until, self._gap = False, None, 0.0

    def on_text(self, now: float) -> None:
        """Take a piece of text."""
        if self.waiting_since is not None and not self._words:
            self._words = True
            self.record_duration("first_text", now - self.waiting_since)

    def on_audio(self, now: float, ms: float, item_id: str) -> None:
        """Take a piece of audio; it plays as soon as what came before has been played."""
        if self.waiting_since is None or (item_id and item_id == self._cut_item):
            return
        if self._plays_until is None:
            self.record_duration("first_audio", now - self.waiting_since)
        elif now > self._plays_until + _HEARD_SECONDS:
            self._gap = max(self._gap, now - self._plays_until)
        self._plays_until = max(now, self._plays_until or now) + ms / 1000
        self.received_ms += ms
        self.item_id = item_id or self.item_id

    def finish(self, now: float) -> bool:
        """End the answer; says whether one was owed."""
        if self.waiting_since is None:
            return False
        self.record_duration("turn", now - self.waiting_since)
        self._note_gap()
        self.waiting_since = None
        return True

    def interrupt(self) -> None:
        """End the answer by speaking into it: how long it would have been, nobody knows."""
        self._cut_item = self.item_id
        self._note_gap()
        self.waiting_since = None

    def give_up(self) -> bool:
        """Stop waiting; says whether an answer was owed."""
        owed, self.waiting_since = self.waiting_since is not None, None
        self._cut_item = self.item_id
        return owed

    def _note_gap(self) -> None:
        if self._plays_until is not None:
            self.record_duration("audio_gap", self._gap)
