"""The model of an upstream session that the state machine compares the core with, and its audio."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.core.commands import Configure, SendAudio, SendEvent, SendFrame

if TYPE_CHECKING:
    from collections.abc import Mapping

BYTES_PER_MS = 48
SILENCE_SECONDS = 3.0

AudioRun = tuple[int, int]
"""A run of audio: its serial number and its length in bytes. (-1, 0) is a commit."""
A_COMMIT: AudioRun = (-1, 0)


def chunk(serial: int, ms: int) -> bytes:
    """Speech whose every sample says which chunk it belongs to."""
    return serial.to_bytes(2, "little") * (24 * ms)


def run_of(pcm: bytes) -> AudioRun:
    return int.from_bytes(pcm[:2], "little"), len(pcm)


def words_of(item: Mapping[str, Any]) -> str:
    return str(item["output"]) if "output" in item else str(item["content"][0]["text"])


@dataclass(slots=True)
class UpstreamModel:
    """One upstream session as the service has it. Its events reach the core at once."""

    generation: int
    bound: int
    """How much of its speech the core keeps for replay, in bytes."""
    created: bool = False
    configure_sent: bool = False
    ready: bool = False
    # Speech
    runs: list[tuple[int, int, int]] = field(default_factory=list)
    """Start, serial number and length of each chunk received, in bytes."""
    received_at: dict[int, float] = field(default_factory=dict)
    """When each of them was received, by its start."""
    last_event_at: float = float("-inf")
    """When it last sent an event."""
    position: int = 0
    commits: list[int] = field(default_factory=list)
    """The positions of commits whose answer has not begun."""
    unconfirmed_commits: list[int] = field(default_factory=list)
    taken: int = 0
    answered: int = 0
    speech_start: int | None = None
    speech_end: int | None = None
    turns: list[tuple[int, int]] = field(default_factory=list)
    cleared: bool = False
    """Whether the client ever cleared speech: then the reported overflow is no longer exact."""
    # Responses
    active: str | None = None
    by_request: bool = False
    reached_client: bool = False
    requested: bool = False
    expected: bool = False
    cancelled: bool = False
    answers_up_to: int = 0
    # Items, as words
    known: list[str] = field(default_factory=list)
    unannounced: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def kept_from(self) -> int:
        """From where on unanswered speech is kept."""
        return max(self.answered, self.position - self.bound)

    @property
    def busy(self) -> bool:
        return self.active is not None or self.requested or self.expected

    @property
    def words(self) -> list[str]:
        """The texts of the conversation so far."""
        return [*self.known, *map(words_of, self.unannounced)]

    def receive(self, command: SendAudio | SendEvent | SendFrame | Configure, now: float) -> None:
        match command:
            case Configure():
                assert self.created, "configured before it was created"
                assert not self.configure_sent, "configured twice"
                self.configure_sent = True
                return
            case SendAudio(_, pcm):
                serial, size = run_of(pcm)
                self.runs.append((self.position, serial, size))
                self.received_at[self.position] = now
                self.position += size
            case SendEvent(_, event):
                self._receive_event(event)
            case SendFrame(_, frame):
                self._receive_event(json.loads(frame))
        assert self.ready, "something went up before the session was ready"

    def _receive_event(self, event: Mapping[str, Any]) -> None:
        match event["type"]:
            case "input_audio_buffer.commit":
                self.commits.append(self.position)
                self.unconfirmed_commits.append(self.position)
            case "input_audio_buffer.clear":
                self._clear(max([self.taken, *self.commits]))
            case "conversation.item.create":
                self.unannounced.append(event["item"])
            case "response.create":
                assert not self.busy, "requested for a response while one is active or about to begin"
                self.requested, self.cancelled = True, False
            case "response.cancel":
                self.cancelled = True

    def _clear(self, kept_up_to: int) -> None:
        self.cleared = True
        self.runs = [
            (start, serial, min(size, kept_up_to - start)) for start, serial, size in self.runs if start < kept_up_to
        ]

    def answer_begins(self) -> None:
        """The first output of the active response reaches the client, or it ends without any."""
        self.reached_client = True
        self.answered = max(self.answered, self.answers_up_to)
        confirmed = self.commits[: len(self.commits) - len(self.unconfirmed_commits)]
        self.commits = [at for at in confirmed if at > self.answered] + self.unconfirmed_commits

    def from_position(self, position: int) -> list[AudioRun]:
        """The speech from there on, with the commits in it; a commit after no audio is left out."""
        runs: list[AudioRun] = []
        commits = list(self.commits)
        for start, serial, size in self.runs:
            skipped = max(0, position - start)
            if skipped >= size:
                continue
            while commits and commits[0] <= max(start, position):
                commits.pop(0)
                _commit(runs)
            runs.append((serial, size - skipped))
        for _ in commits:
            _commit(runs)
        return runs

    def past_bound(self) -> int:
        """How much unanswered speech is no longer kept, in bytes."""
        return sum(size for _, size in self.from_position(self.answered)) - self.kept

    @property
    def kept(self) -> int:
        """How much unanswered speech is kept, in bytes."""
        return sum(size for _, size in self.from_position(self.kept_from))

    def needed_from(self, *, lately: bool = True) -> int:
        """From where on speech must not be lost, under turn detection; `lately`: even if it is not reported yet."""
        starts = [start for start, end in self.turns if end > self.answered]
        starts += [self.speech_start] if self.speech_start is not None else []
        new = [start for start, at in self.received_at.items() if at > self.last_event_at - SILENCE_SECONDS]
        return min(starts or (new if lately else []), default=self.position)


def _commit(runs: list[AudioRun]) -> None:
    if runs and runs[-1] != A_COMMIT:
        runs.append(A_COMMIT)
