"""Plays one side of a recorded session again. Sans-I/O: what the other side sends and times in, frames out.

    playback = Playback(entries, from_client=True, now=now)
    for entry in playback.due(now): ...        # to be sent now; then again at `next_due`
    playback.heard(event, now)                 # what the other side sent

A frame waits for two things. The first is time: the pause that was recorded before it, divided by the speed. The second
is the last moment of the other side that was recorded before it, since whoever was recorded may have waited for it: a
`response.create` behind `session.updated` is not sent before this session is configured. Speech waits only until the
session is ready, as a microphone does. Who interrupts an answer also waits until as much of it was heard as in the
recording, or until it is over.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bridge.protocol.recordings.kinds import READINESS, MomentCounter, frame_kind, is_speech

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bridge.protocol.recordings.capture import CaptureEntry

_ANSWER_END = "response.done"
#: Frames of a client that interrupt an answer.
_INTERRUPTING = frozenset({"response.cancel", "conversation.item.truncate", "interrupt"})
#: `who` of the frames of either side; others are markers.
CLIENT_SIDE, SERVER_SIDE = frozenset({"client"}), frozenset({"server", "bridge"})


@dataclass(frozen=True, slots=True)
class _Cue:
    """A frame of this side, and what it waits for."""

    entry: CaptureEntry
    needs: str
    """The moment of the other side that it waits for; empty if there is none."""
    after_own: float
    """Seconds from the frame of this side before it, or from the start."""
    after_needed: float
    """Seconds from that moment."""
    audio_ms: float = 0.0
    """How much audio of the other side it waits for,"""
    answers: int = 0
    """or for how many ends of answers."""


class Playback:
    """One side of a recorded session, being played. `speed` divides all pauses; `math.inf` leaves them out."""

    def __init__(self, entries: Iterable[CaptureEntry], *, from_client: bool, speed: float = 1.0, now: float) -> None:
        self._from_client = from_client
        self._speed = speed
        self._cues = deque(_cues(entries, from_client=from_client))
        self._needed = {cue.needs for cue in self._cues}
        self._heard: dict[str, float] = {"": -math.inf}
        self._moments = MomentCounter()
        self._last_own = now
        self._audio_ms = 0.0
        self._answers = 0

    @property
    def finished(self) -> bool:
        """Whether all frames were sent."""
        return not self._cues

    @property
    def remaining(self) -> tuple[CaptureEntry, ...]:
        """The frames that were not sent yet."""
        return tuple(cue.entry for cue in self._cues)

    @property
    def waits_for(self) -> str:
        """The moment of the other side that the next frame waits for; empty if it waits for time only."""
        if not self._cues or self._is_met(self._cues[0]):
            return ""
        cue = self._cues[0]
        return cue.needs if cue.needs not in self._heard else f"{cue.audio_ms:.0f} ms of audio"

    def _is_met(self, cue: _Cue) -> bool:
        heard_enough = self._audio_ms >= cue.audio_ms or self._answers >= cue.answers
        return heard_enough and cue.needs in self._heard

    @property
    def next_due(self) -> float | None:
        """When the next frame is due; None if it waits for the other side, or if there is none."""
        if not self._cues or not self._is_met(self._cues[0]):
            return None
        cue = self._cues[0]
        return max(
            self._last_own + cue.after_own / self._speed, self._heard[cue.needs] + cue.after_needed / self._speed
        )

    def heard(self, event: Mapping[str, Any], now: float, *, binary: bool = False, audio_ms: float = 0.0) -> None:
        """Take what the other side sent; `audio_ms` is the length of the audio in it."""
        self._audio_ms += audio_ms
        self._answers += event.get("type") == _ANSWER_END
        moment = self._moments.feed(event, binary=binary, from_client=not self._from_client)
        if moment in self._needed:
            self._heard.setdefault(moment, now)

    def due(self, now: float) -> Iterator[CaptureEntry]:
        """Yield the frames that are due by now, in order."""
        while (at := self.next_due) is not None and at <= now:
            cue = self._cues.popleft()
            self._last_own = at
            self._moments.other_sent(cue.entry.event)
            yield cue.entry


def _cues(entries: Iterable[CaptureEntry], *, from_client: bool) -> Iterator[_Cue]:
    own, others = (CLIENT_SIDE, SERVER_SIDE) if from_client else (SERVER_SIDE, CLIENT_SIDE)
    moments = MomentCounter()
    last_own = 0.0
    needed, ready = ("", 0.0), ("", 0.0)
    audio_ms, answers = 0.0, 0
    for entry in entries:
        if entry.who in others:
            audio_ms += entry.audio_ms
            answers += entry.type == _ANSWER_END
            moment = moments.feed(entry.event, binary=entry.binary, from_client=not from_client)
            if moment:
                needed = (moment, entry.at)
                ready = needed if frame_kind(entry.event, binary=entry.binary) in READINESS else ready
        elif entry.who in own and not entry.unreadable:
            moments.other_sent(entry.event)
            waits = ready if from_client and is_speech(entry.event, binary=entry.binary) else needed
            cue = _Cue(entry, waits[0], entry.at - last_own, entry.at - waits[1])
            interrupts = from_client and entry.type in _INTERRUPTING
            yield replace(cue, audio_ms=audio_ms, answers=answers + 1) if interrupts else cue
            last_own = entry.at
