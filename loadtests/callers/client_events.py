"""What a frame from a bridge means to a caller: the few things that a load test acts on or counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenedEvent:
    """The socket lives: `connected`, or at the native door `session.created`."""


@dataclass(frozen=True, slots=True)
class ReadyEvent:
    """A session took the configuration: speech is heard from here on."""

    is_reconnect: bool = False
    """It replaces one that was lost."""
    resent_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class AttemptEvent:
    """An attempt to make the session begins."""


@dataclass(frozen=True, slots=True)
class LostEvent:
    """The session is gone, and a new one is being made."""

    delay_seconds: float = 0.0
    """When the bridge begins with that."""


@dataclass(frozen=True, slots=True)
class AnswerTextEvent:
    """A piece of the answer's text or of its transcript."""


@dataclass(frozen=True, slots=True)
class AnswerAudioEvent:
    """A piece of the answer's audio."""

    ms: float
    item_id: str = ""
    pcm: bytes = b""
    """The audio itself, where the behaviour wants to look at it."""


@dataclass(frozen=True, slots=True)
class AnswerDoneEvent:
    """A response is over."""

    failed: bool = False
    cancelled: bool = False
    """It was cut in upon: no answer, and none failed."""


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """An error."""

    code: str
    at: float | None
    """When the bridge says it sent it, in unix seconds; None where it does not say."""
    ends_session: bool = False
    """The session is over by it, and the socket is not: a client that wants one asks again."""
    retryable: bool = True
    retry_after_seconds: float = 0.0
    """The least wait before that, where the bridge says one."""


@dataclass(frozen=True, slots=True)
class DroppedEvent:
    """Speech that the bridge gave up."""

    ms: float


@dataclass(frozen=True, slots=True)
class EndedEvent:
    """The session is over by intent: `ended`, `expired`, `draining`."""

    reason: str


@dataclass(frozen=True, slots=True)
class StaleEvent:
    """An event of a generation that was over."""


ClientEvent = (
    OpenedEvent
    | AttemptEvent
    | ReadyEvent
    | LostEvent
    | AnswerTextEvent
    | AnswerAudioEvent
    | AnswerDoneEvent
    | ErrorEvent
    | DroppedEvent
    | EndedEvent
    | StaleEvent
)
