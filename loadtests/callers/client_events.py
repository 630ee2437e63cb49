"""The events that a caller reads from the bridge's frames: only what a load test acts on or counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.core.spending.charges import Charge


@dataclass(frozen=True, slots=True)
class OpenedEvent:
    """The socket is open: `connected`, or `session.created` at the native endpoint."""


@dataclass(frozen=True, slots=True)
class ReadyEvent:
    """The session is configured. Audio is processed from here on."""

    is_reconnect: bool = False
    """It replaces a session that was lost."""
    resent_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class AttemptEvent:
    """An attempt to open the session starts."""


@dataclass(frozen=True, slots=True)
class LostEvent:
    """The session is lost and the bridge opens a new one."""

    delay_seconds: float = 0.0
    """When the bridge starts with that."""


@dataclass(frozen=True, slots=True)
class AnswerTextEvent:
    """A piece of the answer's text or transcript."""


@dataclass(frozen=True, slots=True)
class AnswerAudioEvent:
    """A piece of the answer's audio."""

    ms: float
    item_id: str = ""
    pcm: bytes = b""
    """The audio itself, if the behaviour needs it."""


@dataclass(frozen=True, slots=True)
class AnswerDoneEvent:
    """The answer is over: complete, failed, or cut short by an interruption."""

    failed: bool = False
    reason: str = ""
    """Why it failed, as the service names it; empty if it did not fail, or if the service does not say."""
    cancelled: bool = False
    """It was interrupted: neither an answer nor a failure."""
    charge: Charge | None = None
    """What it took; None if the service doesn't say."""


@dataclass(frozen=True, slots=True)
class TranscribedEvent:
    """What the caller said was transcribed."""

    charge: Charge


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """The bridge reports an error; whether the session survives it is in `ends_session`."""

    code: str
    at: float | None
    """When the bridge sent it, in Unix seconds; None if it has no timestamp."""
    reason: str = ""
    """The service's own name for it (`insufficient_quota`), if the bridge passes that on."""
    answers_messages: bool = True
    """It stands for what the caller sent, by itself or together with errors that were held back."""
    ends_session: bool = False
    """The error ends the session but not the socket. A client that wants a session asks again."""
    retryable: bool = True
    retry_after_seconds: float = 0.0
    """The shortest delay before that, if the bridge names one."""


@dataclass(frozen=True, slots=True)
class DroppedEvent:
    """The bridge reports audio that it dropped."""

    ms: float


@dataclass(frozen=True, slots=True)
class EndedEvent:
    """The session ended on purpose: `ended`, `expired`, `draining`, `idle`."""

    reason: str


@dataclass(frozen=True, slots=True)
class StaleEvent:
    """An event of an earlier generation."""


#: Events about the session as a whole.
SessionEvent = LostEvent | EndedEvent | ErrorEvent | DroppedEvent | StaleEvent
ClientEvent = (
    OpenedEvent
    | AttemptEvent
    | ReadyEvent
    | AnswerTextEvent
    | AnswerAudioEvent
    | AnswerDoneEvent
    | TranscribedEvent
    | SessionEvent
)
