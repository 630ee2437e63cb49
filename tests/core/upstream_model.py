"""What the state machine compares the core with: a model of an upstream session, and the audio that both count with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.core.commands import Configure, SendAudio, SendEvent, SendFrame

if TYPE_CHECKING:
    from collections.abc import Mapping

BYTES_PER_MS = 48
UNREPORTED_SECONDS = 3.0

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
    """One upstream session, as the service holds it. What it says reaches the core at once."""

    generation: int
    bound: int
    """How much of its speech the core keeps for sending again, in bytes."""
    created: bool = False
    asked_to_configure: bool = False
    ready: bool = False
    # Speech
    runs: list[tuple[int, int, int]] = field(default_factory=list)
    """Start, serial number and length of what came, in bytes."""
    came_at: dict[int, float] = field(default_factory=dict)
    """When each of them came, by its start."""
    spoke_at: float = float("-inf")
    """When it last said something."""
    position: int = 0
    commits: list[int] = field(default_factory=list)
    """Where commits stand whose answer has not begun."""
    unconfirmed_commits: list[int] = field(default_factory=list)
    taken: int = 0
    answered: int = 0
    speech_start: int | None = None
    speech_end: int | None = None
    turns: list[tuple[int, int]] = field(default_factory=list)
    cleared: bool = False
    """Whether the client ever took speech back: what the core says about speech past the bound is no longer exact."""
    # Responses
    active: str | None = None
    by_request: bool = False
    heard: bool = False
    asked: bool = False
    expected: bool = False
    cancelled: bool = False
    answers_up_to: int = 0
    # Items, as words
    known: list[str] = field(default_factory=list)
    unannounced: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def kept_from(self) -> int:
        """From where on speech is kept that was not answered."""
        return max(self.answered, self.position - self.bound)

    @property
    def busy(self) -> bool:
        return self.active is not None or self.asked or self.expected

    @property
    def words(self) -> list[str]:
        """The conversation so far."""
        return [*self.known, *map(words_of, self.unannounced)]

    def take(self, command: SendAudio | SendEvent | SendFrame | Configure, now: float) -> None:
        match command:
            case Configure():
                assert self.created, "configured before it was created"
                assert not self.asked_to_configure, "configured twice"
                self.asked_to_configure = True
                return
            case SendAudio(_, pcm):
                serial, size = run_of(pcm)
                self.runs.append((self.position, serial, size))
                self.came_at[self.position] = now
                self.position += size
            case SendEvent(_, event):
                self._take_event(event)
            case SendFrame(_, frame):
                self._take_event(json.loads(frame))
        assert self.ready, "something went up before the session was ready"

    def _take_event(self, event: Mapping[str, Any]) -> None:
        match event["type"]:
            case "input_audio_buffer.commit":
                self.commits.append(self.position)
                self.unconfirmed_commits.append(self.position)
            case "input_audio_buffer.clear":
                self._clear(max([self.taken, *self.commits]))
            case "conversation.item.create":
                self.unannounced.append(event["item"])
            case "response.create":
                assert not self.busy, "asked for a response while one is active or about to begin"
                self.asked, self.cancelled = True, False
            case "response.cancel":
                self.cancelled = True

    def _clear(self, kept_up_to: int) -> None:
        self.cleared = True
        self.runs = [
            (start, serial, min(size, kept_up_to - start)) for start, serial, size in self.runs if start < kept_up_to
        ]

    def answer_begins(self) -> None:
        """The first piece of the running response reaches the client, or it is over without one."""
        self.heard = True
        self.answered = max(self.answered, self.answers_up_to)
        confirmed = self.commits[: len(self.commits) - len(self.unconfirmed_commits)]
        self.commits = [at for at in confirmed if at > self.answered] + self.unconfirmed_commits

    def from_position(self, position: int) -> list[AudioRun]:
        """The speech from there on, with the commits in it; a commit of nothing is left out."""
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
        """How much without an answer is not kept any more, in bytes."""
        return sum(size for _, size in self.from_position(self.answered)) - self.kept

    @property
    def kept(self) -> int:
        """How much without an answer is kept, in bytes."""
        return sum(size for _, size in self.from_position(self.kept_from))

    def needed_from(self, *, lately: bool = True) -> int:
        """From where on speech must not be lost, under turn detection; `lately`: even if nothing was said about it."""
        starts = [start for start, end in self.turns if end > self.answered]
        starts += [self.speech_start] if self.speech_start is not None else []
        new = [start for start, at in self.came_at.items() if at > self.spoke_at - UNREPORTED_SECONDS]
        return min(starts or (new if lately else []), default=self.position)


def _commit(runs: list[AudioRun]) -> None:
    if runs and runs[-1] != A_COMMIT:
        runs.append(A_COMMIT)
