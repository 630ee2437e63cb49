"""Speech that went upstream and is not answered yet: what is sent again when the upstream session is lost.

Theory of operation
-------------------
A fresh session knows nothing of the speech that the lost one got. Speech without an answer must be sent again, and
none that was answered, or the caller hears an answer twice. The buffer therefore keeps the audio of *one* upstream
session, from the first byte that may still need an answer. It is replaced together with its generation.

Everything is measured in *positions*: bytes of audio appended in this session. That is exact, and the service's own
times (`audio_start_ms`, `audio_end_ms`) count milliseconds of the same audio, so they convert without a clock.

    0           settled             committed           commits[...]              position
    |--------------|--------------------|--------------------|----------------------|
      answered, or   turns the service    committed by the     the newest audio:
      silence        took and has not     client, and not      speech or silence,
                     answered             confirmed            not known yet

*Settled* moves up, and the audio before it is released, when one of these happens:

1. **Answered.** The first output of a response reaches the client. It answers the turns that the service had taken
   when the response was created, so everything up to `committed_up_to` of that moment is settled. Not earlier: a
   response that was created and has no output is requested again. In a transcription session the transcript is the
   answer.
2. **Speech started** (turn detection). What lies before the reported start was silence.
3. **Not reported** (turn detection). The service reports speech within a fraction of a second. If it talks, about
   anything, and has reported no speech, then what it had `SILENCE_SECONDS` ago was silence. A single event doesn't
   prove that: after a stall, the first events to arrive are old. So an event only marks the position that it saw, and
   an event at least `SILENCE_SECONDS` later settles the audio before the mark, and sets the next mark. A service that
   says nothing proves nothing: it may never have heard the speech.

Rules 2 and 3 apply only while the buffer is *quiet*: no speech is being reported, none has ended without its commit,
and no turn that the service took is unanswered. Without turn detection the buffer is never quiet, since the service
reports nothing and only the client's commits count.

At the other end, the client can **clear** what it has not committed; this cuts the buffer back to the last commit.

**Commits** are replayed too, at the positions where the client sent them. The service confirms client commits and the
turns of its own turn detection with the same event, `input_audio_buffer.committed`, and doesn't say which one it
confirms. `committed` tells them apart by position: if an end of speech was reported before the oldest unconfirmed
commit, turn detection took the turn; else the commit did. A commit that follows no audio is left out of a replay, since
the service would refuse it.

**The bound.** At most `bound_ms` of audio is kept; the oldest goes first. That is no loss yet: it may have been
silence, or be answered after all. `_Overflow` knows how much of the dropped audio is not settled, and shrinks as
*settled* moves up. What is left of it when the session is lost is reported to the client. If the upstream
*acknowledged* audio (a pong behind it came back), then what it has not reported of it was silence, and the overflow
shrinks too. Audio that is still kept is not released then: replaying silence costs nothing, losing words does.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from bridge.core.input_buffer import BYTES_PER_MS
from bridge.core.speech.kept_audio import KeptAudio

#: The service refuses a commit of less audio; its error message states the number.
MIN_COMMIT_MS = 100
#: Under turn detection, audio that a talking service has not reported for this long was silence.
SILENCE_SECONDS = 3.0


@dataclass(slots=True)
class _Overflow:
    """Audio dropped because of the bound and not settled: its size, and the position where it ends."""

    size: int = 0
    chunks: int = 0
    end: int = 0

    def add(self, size: int, chunks: int, end: int) -> None:
        """Count more dropped audio."""
        if size:
            self.size, self.chunks, self.end = self.size + size, self.chunks + chunks, end

    def settle(self, position: int) -> None:
        """Everything before `position` was answered or silence, and is no loss."""
        most = max(0, self.end - position)
        if self.size > most:
            self.chunks = self.chunks * most // self.size
            self.size = most

    def cut(self, position: int, settled: int) -> None:
        """The client took back everything from `position` on."""
        if position < self.end:
            self.end = position
            self.settle(settled)


class ReplayBuffer:
    """The unanswered speech of one upstream session; see the theory of operation above."""

    __slots__ = (
        "_audio",
        "_bound",
        "_cleared",
        "_commits",
        "_committed",
        "_confirmed_commits",
        "_items",
        "_marked_at",
        "_marked_position",
        "_overflow",
        "_settled",
        "_speech_end",
        "speaking",
        "turn_detection",
    )

    def __init__(self, bound_ms: float) -> None:
        self._bound = _to_bytes(bound_ms)
        self._audio = KeptAudio()
        self._commits: list[int] = []
        """Positions of the client's commits that are unconfirmed, or whose answer has not begun."""
        self._confirmed_commits = 0
        """How many of `_commits`, from the left, the service has confirmed."""
        self._committed = 0
        """Up to where the service has taken turns."""
        self._cleared = 0
        """Up to where the client took back what it had not committed."""
        self._speech_end: int | None = None
        """Where speech ended that the service has not committed yet."""
        self._items: list[tuple[int, str]] = []
        """The end position and the id of each item whose answer has not begun."""
        self._settled = 0
        """Up to where everything was answered or silence."""
        self._overflow = _Overflow()
        self._marked_at = float("-inf")
        """When an event of the service was noted for rule 3."""
        self._marked_position = 0
        """How much was sent at that time."""
        self.speaking = False
        """Whether the service reported speech that has not ended."""
        self.turn_detection = True
        """Whether the service detects turns; without it nothing is known until the client commits."""

    # What the client did

    def audio_sent(self, pcm: bytes) -> None:
        """Record audio that went upstream."""
        audio = self._audio
        audio.append(pcm)
        if audio.end - audio.start > self._bound:
            kept_from = audio.end - self._bound
            self._overflow.add(*audio.release_before(kept_from), kept_from)

    def commit_sent(self) -> None:
        """Record a commit that went upstream."""
        self._commits.append(self._audio.end)
        self._audio.seal()

    def buffer_cleared(self) -> None:
        """Record that the client took back what it had not committed."""
        last_commit = self._last_commit
        self._cleared = self._audio.end
        self._audio.take_back(last_commit)
        self._overflow.cut(last_commit, self._settled)
        self.speaking = False
        self._speech_end = None

    # What the service said

    def event_received(self, now: float) -> None:
        """Record that the service said something, whatever it was (rule 3)."""
        if now - self._marked_at < SILENCE_SECONDS:
            return
        if self._quiet:
            self._settle(self._marked_position)
        self._marked_at, self._marked_position = now, self._audio.end

    def acknowledged(self, up_to: int | None = None) -> None:
        """Record that the service received all audio, or all before `up_to`: unreported overflow in it was silence."""
        if self._quiet:
            self._overflow.settle(self._audio.end if up_to is None else up_to)

    def speech_started(self, at_ms: float) -> None:
        """Record the start of speech as the service reported it (rule 2)."""
        if self._quiet:
            self._settle(_to_bytes(at_ms))
        self.speaking = True

    def speech_stopped(self, at_ms: float) -> None:
        """Record the end of speech as the service reported it."""
        self.speaking = False
        self._speech_end = _to_bytes(at_ms)

    def committed(self, item_id: str) -> bool:
        """Record that the service took a turn. Returns whether the client's commit was the reason.

        Turn detection takes a turn up to the end of speech; a commit takes it up to where the commit was sent, also if
        that is what ended the speech.
        """
        by_client = self.commit_pending and (
            self._speech_end is None or self._speech_end > self._commits[self._confirmed_commits] - BYTES_PER_MS
        )
        if by_client:
            self._committed = max(self._committed, self._commits[self._confirmed_commits])
            self._confirmed_commits += 1
        else:
            self._committed = max(self._committed, self._speech_end or 0)
        self._speech_end = None
        self.speaking = False
        self._items.append((self._committed, item_id))
        return by_client

    def commit_refused(self) -> None:
        """Record that the service found too little audio to commit."""
        if self._confirmed_commits < len(self._commits):
            del self._commits[self._confirmed_commits]

    def answered(self, up_to: int) -> None:
        """Record that the answer to everything before `up_to` has begun to reach the client (rule 1)."""
        self._settle(up_to)
        self._items = [(position, item_id) for position, item_id in self._items if position > up_to]
        while self._confirmed_commits and self._commits and self._commits[0] <= up_to:
            del self._commits[0]
            self._confirmed_commits -= 1

    def item_answered(self, item_id: str) -> None:
        """Record that an item was transcribed, in a session where that is the answer (rule 1)."""
        for position, known in self._items:
            if known == item_id:
                self.answered(position)
                return

    # What follows from it

    @property
    def committed_up_to(self) -> int:
        """The position up to which the service has taken turns."""
        return self._committed

    @property
    def can_commit(self) -> bool:
        """Whether the service is certain to accept a commit now. Turn detection may have taken the speech already."""
        if self.turn_detection:
            return self.speaking
        return self._audio.end - max(self._last_commit, self._cleared) >= _to_bytes(MIN_COMMIT_MS)

    @property
    def commit_pending(self) -> bool:
        """Whether a commit went upstream that the service has not confirmed."""
        return self._confirmed_commits < len(self._commits)

    @property
    def mid_sentence(self) -> bool:
        """Whether the caller is in the middle of a turn."""
        uncommitted = not self.turn_detection and self._audio.size > 0
        return self.speaking or self.commit_pending or uncommitted

    @property
    def item_ids(self) -> list[str]:
        """The items whose speech would be replayed; they must not be restored as text too."""
        return [item_id for position, item_id in self._items if position > self._audio.start]

    @property
    def ms(self) -> float:
        """How much audio would be replayed."""
        return self._audio.size / BYTES_PER_MS

    @property
    def overflow_ms(self) -> float:
        """How much unsettled audio was dropped because of the bound."""
        return self._overflow.size / BYTES_PER_MS

    @property
    def overflow_chunks(self) -> int:
        """About how many chunks that was."""
        return max(1, self._overflow.chunks) if self._overflow.size else 0

    def entries(self) -> list[bytes | None]:
        """Return what to send again, in order; None stands for a commit."""
        entries: list[bytes | None] = []
        commits = deque(self._commits)
        for start, pcm in self._audio:
            while commits and commits[0] <= start:
                _append_commit(entries)
                commits.popleft()
            entries.append(pcm)
        for _ in commits:
            _append_commit(entries)
        return entries

    @property
    def _quiet(self) -> bool:
        """Whether all the audio kept may be silence: no speech is reported, and no turn is unanswered."""
        ended = self._speech_end is not None or self.commit_pending or self._committed > self._settled
        return self.turn_detection and not self.speaking and not ended

    @property
    def _last_commit(self) -> int:
        return max(self._committed, self._commits[-1] if self._commits else 0)

    def _settle(self, position: int) -> None:
        """Everything before `position` needs no replay any more."""
        self._settled = max(self._settled, min(position, self._audio.end))
        self._overflow.settle(self._settled)
        self._audio.release_before(position)


def _to_bytes(ms: float) -> int:
    """Return the length of audio in bytes, in whole samples."""
    return round(ms * BYTES_PER_MS / 2) * 2


def _append_commit(entries: list[bytes | None]) -> None:
    """Add a commit, unless it would follow no audio: the service refuses such a commit."""
    if entries and entries[-1] is not None:
        entries.append(None)
