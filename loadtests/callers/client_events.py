"""What a frame from a bridge means to a caller: the few things that a load test acts on or counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Opened:
    """The socket lives: `connected`, or at the native door `session.created`."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A session took the configuration: speech is heard from here on."""

    again: bool = False
    """It replaces one that was lost."""
    resent_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Trying:
    """An attempt to make the session begins."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The session is gone, and a new one is being made."""

    delay_seconds: float = 0.0
    """When the bridge begins with that."""


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of the answer's text or of its transcript."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of the answer's audio."""

    ms: float
    item_id: str = ""
    pcm: bytes = b""
    """The audio itself, where the behaviour wants to look at it."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A response is over."""

    failed: bool = False
    cancelled: bool = False
    """It was cut in upon: no answer, and none failed."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error."""

    code: str
    at: float | None
    """When the bridge says it sent it, in unix seconds; None where it does not say."""
    ends: bool = False
    """The session is over by it, and the socket is not: a client that wants one asks again."""
    retryable: bool = True
    wait_seconds: float = 0.0
    """The least wait before that, where the bridge says one."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Speech that the bridge gave up."""

    ms: float


@dataclass(frozen=True, slots=True)
class Over:
    """The session is over by intent: `ended`, `expired`, `draining`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stale:
    """An event of a generation that was over."""


Signal = Opened | Trying | Ready | Lost | Words | Sound | Answered | Complaint | Dropped | Over | Stale
