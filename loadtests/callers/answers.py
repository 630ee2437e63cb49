"""Times the answer to a caller's turn: first text, first audio, its end, and the gaps in its audio. Pure.

Latency counts from when the turn was *due* to end, not from when it was sent: a target that blocks its callers doesn't
look faster than it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: A shorter silence can't be heard.
_AUDIBLE_SECONDS = 0.001


@dataclass(slots=True)
class AnswerTimer:
    """The turn that waits for an answer, and that answer. All times are seconds on one clock."""

    record_duration: Callable[[str, float], None]
    """Called with each duration as it becomes known: `first_text`, `first_audio`, `turn`, `audio_gap`, in seconds."""
    waiting_since: float | None = None
    """When the waiting turn was due to end; None if no turn waits."""
    item_id: str = ""
    received_ms: float = 0.0
    """Audio of this answer so far."""
    _interrupted_item: str = ""
    """The answer that was interrupted. Audio of it that still arrives belongs to no turn."""
    _had_text: bool = False
    _plays_until: float | None = None
    _gap: float = 0.0

    def turn_ended(self, due: float) -> None:
        """Start waiting for an answer to a turn that was due to end at `due`."""
        self.waiting_since, self.item_id, self.received_ms = due, "", 0.0
        self._had_text, self._plays_until, self._gap = False, None, 0.0

    def on_text(self, now: float) -> None:
        """Record a piece of text."""
        if self.waiting_since is not None and not self._had_text:
            self._had_text = True
            self.record_duration("first_text", now - self.waiting_since)

    def on_audio(self, now: float, ms: float, item_id: str) -> None:
        """Record a piece of audio. It plays as soon as the audio before it has been played."""
        if self.waiting_since is None or (item_id and item_id == self._interrupted_item):
            return
        if self._plays_until is None:
            self.record_duration("first_audio", now - self.waiting_since)
        elif now > self._plays_until + _AUDIBLE_SECONDS:
            self._gap = max(self._gap, now - self._plays_until)
        self._plays_until = max(now, self._plays_until or now) + ms / 1000
        self.received_ms += ms
        self.item_id = item_id or self.item_id

    def finish(self, now: float) -> bool:
        """End the answer. Returns whether a turn was waiting for one."""
        if self.waiting_since is None:
            return False
        self.record_duration("turn", now - self.waiting_since)
        self._record_gap()
        self.waiting_since = None
        return True

    def interrupt(self) -> None:
        """End the answer because the caller interrupts it. Its full length stays unknown."""
        self._interrupted_item = self.item_id
        self._record_gap()
        self.waiting_since = None

    def give_up(self) -> bool:
        """Stop waiting. Returns whether a turn was waiting."""
        was_waiting, self.waiting_since = self.waiting_since is not None, None
        self._interrupted_item = self.item_id
        return was_waiting

    def _record_gap(self) -> None:
        if self._plays_until is not None:
            self.record_duration("audio_gap", self._gap)
