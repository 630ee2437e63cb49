"""What is to be done: the only way anything gets out of the core. The mirror image is `events.py`.

Logs and metrics are commands too (`LogEvent`), so a test can assert that a line is the direct consequence of an event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# To the upstream


@dataclass(frozen=True, slots=True)
class OpenUpstream:
    """Begin an attempt: mint, dial, wait for the first frame. The outcome comes back with this generation."""

    generation: int
    session_options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Configure:
    """Send the session's configuration in the upstream's dialect: the wish, with later native updates over it."""

    generation: int
    session_options: Mapping[str, Any]
    updates: Mapping[str, Any]
    """What the client's own `session.update` events changed, merged."""


@dataclass(frozen=True, slots=True)
class SendAudio:
    """Append this audio (PCM16) upstream."""

    generation: int
    pcm: bytes
    event_id: str | None = None
    """What the client called it, the first time that it goes up."""


@dataclass(frozen=True, slots=True)
class SendEvent:
    """Send a native client event that the core made."""

    generation: int
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SendFrame:
    """Send a native client event as the client wrote it."""

    generation: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class CloseUpstream:
    """Give up this generation: close its socket, or cancel the attempt. No event of it is wanted any more."""

    generation: int
    reason: str


# To the client


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send a bridge message. The door adds `timestamp`; `type` stands in the fields."""

    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Forward:
    """Send a native server event as the upstream wrote it."""

    type: str
    frame: bytes


@dataclass(frozen=True, slots=True)
class CloseClient:
    """Close the client's socket, after all that was told before."""

    code: int
    reason: str


# To the house


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A log line and what is counted with it. `name` is dotted and constant."""

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)


Command = (
    OpenUpstream
    | Configure
    | SendAudio
    | SendEvent
    | SendFrame
    | CloseUpstream
    | SendMessage
    | Forward
    | CloseClient
    | LogEvent
)
