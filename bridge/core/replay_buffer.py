"""Speech that went up and was not answered yet: what is sent again when the upstream session is lost.

Positions are bytes of audio sent in this upstream session, so that they are exact; the service tells its own in
milliseconds of the same audio. Bounded: the oldest is forgotten; when the session is lost, the client is told how much
of it may have been speech.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from bridge.core.input_buffer import BYTES_PER_MS

#: The service takes no commit of less (reports; its message names the figure).
MIN_COMMIT_MS = 100
#: Under turn detection, what the service says nothing about for so long, though it says something, was silence.
SILENCE_SECONDS = 3.0


@dataclass(slots=True)
class _Sent:
    start: int
    pcm: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.pcm)


@dataclass(slots=True)
class _PastBound:
    """What went for want of room and was not answered: how much, and where it ended."""

    size: int = 0
    pieces: int = 0
    end: int = 0

    def put(self, size: int, pieces: int, end: int) -> None:
        """More of it went."""
        if size:
            self.size, self.pieces, self.end = self.size + size, self.pieces + pieces, end

    def begin_at(self, settled: int) -> None:
        """What lies before this is no loss after all."""
        most = max(0, self.end - settled)
        if self.size > most:
            self.pieces = self.pieces * most // self.size
            self.size = most

    def end_at(self, position: int, settled: int) -> None:
        """The client gave up what lies behind this."""
        if position < self.end:
            self.end = position
            self.begin_at(settled)


class ReplayBuffer:
    """One upstream session's speech, from the first word that has no answer yet."""

    def __init__(self, bound_ms: float) -> None:
        self._bound = _bytes(bound_ms)
        self._sent: deque[_Sent] = deque()
        self._commits: deque[int] = deque()
        """Where the client committed, and the service has not said so yet or the answer has not begun."""
        self._acknowledged = 0
        """How many of those commits the service has confirmed."""
        self._position = 0
        self._committed = 0
        self._cleared = 0
        """Up to where the client took back what it had not committed."""
        self._speech_end: int | None = None
        """Where speech ended that the service has not committed yet."""
        self._items: list[tuple[int, str]] = []
        self._settled = 0
        """What lies before it was answered, or was silence."""
        self._past_bound = _PastBound()
        self._spoke = (float("-inf"), 0)
        """When the service said something, and how much had gone up then."""
        self.speaking = False
        self.turn_detection = True
        """Whether the service detects turns; without it nothing is known until the client commits."""

    def audio_sent(self, pcm: bytes) -> None:
        """Audio went up."""
        self._sent.append(_Sent(self._position, pcm))
        self._position += len(pcm)
        self._past_bound.put(*self._cut_before(self._position - self._bound))

    def event_received(self, now: float) -> None:
        """The service said something: what went up before it spoke the last time, long enough ago, was silence.

        Twice, because what comes first after a stall is old. A service that is silent may not have heard the speech
        that it does not report.
        """
        if now - self._spoke[0] < SILENCE_SECONDS:
            return
        if self._quiet:
            self._forget_before(self._spoke[1])
        self._spoke = (now, self._position)

    def acknowledged(self, up_to: int | None = None) -> None:
        """The service has certainly taken what went up before this, or all of it.

        What it had so long that it is not kept any more, and never reported, was silence.
        """
        if self._quiet:
            self._past_bound.begin_at(self._position if up_to is None else up_to)

    @property
    def _quiet(self) -> bool:
        """Whether all that is kept may be silence: nobody speaks or has just spoken, and no turn of it was taken."""
        ended = self._speech_end is not None or self.commit_pending or self._committed > self._settled
        return self.turn_detection and not self.speaking and not ended

    def commit_sent(self) -> None:
        """A commit went up."""
        self._commits.append(self._position)

    def buffer_cleared(self) -> None:
        """The client gave up what it had not committed."""
        last_commit = self._last_commit
        self._cleared = self._position
        while self._sent and self._sent[-1].end > last_commit:
            last = self._sent.pop()
            if last.start < last_commit:
                self._sent.append(_Sent(last.start, last.pcm[: last_commit - last.start]))
        self._past_bound.end_at(last_commit, self._settled)
        self.speaking = False
        self._speech_end = None

    def speech_started(self, at_ms: float) -> None:
        """The service heard speech begin. What lies before it, and is not committed, was silence."""
        if self._quiet:
            self._forget_before(_bytes(at_ms))
        self.speaking = True

    def speech_stopped(self, at_ms: float) -> None:
        """The service heard speech end."""
        self.speaking = False
        self._speech_end = _bytes(at_ms)

    def committed(self, item_id: str) -> bool:
        """The service took a turn out of its buffer; whether the client's commit was why.

        Turn detection takes it up to the end of speech, a commit up to where it was sent: also when that is what ended
        the speech.
        """
        by_client = self.commit_pending and (
            self._speech_end is None or self._speech_end > self._commits[self._acknowledged] - BYTES_PER_MS
        )
        if by_client:
            self._committed = max(self._committed, self._commits[self._acknowledged])
            self._acknowledged += 1
        else:
            self._committed = max(self._committed, self._speech_end or 0)
        self._speech_end = None
        self.speaking = False
        self._items.append((self._committed, item_id))
        return by_client

    def commit_refused(self) -> None:
        """The service found too little to commit."""
        if self._acknowledged < len(self._commits):
            del self._commits[self._acknowledged]

    @property
    def committed_up_to(self) -> int:
        """Up to where the service has taken turns."""
        return self._committed

    @property
    def can_commit(self) -> bool:
        """Whether the service is sure to take a commit now. Turn detection may have taken the speech already."""
        if self.turn_detection:
            return self.speaking
        return self._position - max(self._last_commit, self._cleared) >= _bytes(MIN_COMMIT_MS)

    @property
    def _last_commit(self) -> int:
        return max(self._committed, self._commits[-1] if self._commits else 0)

    @property
    def commit_pending(self) -> bool:
        """Whether a commit went up that the service has not confirmed."""
        return self._acknowledged < len(self._commits)

    def answered(self, up_to: int) -> None:
        """The answer to everything up to here has begun to reach the client."""
        self._forget_before(up_to)
        self._items = [(position, item_id) for position, item_id in self._items if position > up_to]
        while self._acknowledged and self._commits and self._commits[0] <= up_to:
            self._commits.popleft()
            self._acknowledged -= 1

    def item_answered(self, item_id: str) -> None:
        """What this item says was written down, where that is all that is wanted."""
        for position, known in self._items:
            if known == item_id:
                self.answered(position)
                return

    @property
    def item_ids(self) -> list[str]:
        """The items whose speech would be sent again; they need not be restored as text."""
        kept_from = self._sent[0].start if self._sent else self._position
        return [item_id for position, item_id in self._items if position > kept_from]

    def _forget_before(self, position: int) -> None:
        """What lies before it need not be sent again."""
        self._settled = max(self._settled, min(position, self._position))
        self._past_bound.begin_at(self._settled)
        self._cut_before(position)

    def _cut_before(self, position: int) -> tuple[int, int, int]:
        """Let go of the audio before this; say how much that was, in how many pieces, and where it ended."""
        size = pieces = 0
        while self._sent and self._sent[0].end <= position:
            size += len(self._sent.popleft().pcm)
            pieces += 1
        if self._sent and self._sent[0].start < position:
            first = self._sent[0]
            size += position - first.start
            self._sent[0] = _Sent(position, first.pcm[position - first.start :])
        return size, pieces, position

    @property
    def ms(self) -> float:
        """How much speech would be sent again."""
        return sum(len(sent.pcm) for sent in self._sent) / BYTES_PER_MS

    @property
    def overflow_ms(self) -> float:
        """How much without an answer was forgotten, because more came than is kept, and is no silence for sure."""
        return self._past_bound.size / BYTES_PER_MS

    @property
    def overflow_chunks(self) -> int:
        """How many pieces that was, about."""
        return max(1, self._past_bound.pieces) if self._past_bound.size else 0

    def entries(self) -> list[bytes | None]:
        """Give all of it for sending again, in order; None stands for a commit."""
        entries: list[bytes | None] = []
        commits = deque(self._commits)
        for sent in self._sent:
            while commits and commits[0] <= sent.start:
                _append_commit(entries)
                commits.popleft()
            entries.append(sent.pcm)
        for _ in commits:
            _append_commit(entries)
        return entries


def _bytes(ms: float) -> int:
    """Give the length of audio, in whole samples."""
    return round(ms * BYTES_PER_MS / 2) * 2


def _append_commit(entries: list[bytes | None]) -> None:
    """A commit of nothing would be refused: it follows audio or it is left out."""
    if entries and entries[-1] is not None:
        entries.append(None)
