"""What the core wants done: its only output. `events.py` is its counterpart.

Log events are commands too, so a test can assert that a log line is the direct consequence of one event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.open_responses import OpenResponse

# To the upstream


@dataclass(frozen=True, slots=True)
class OpenUpstream:
    """Start an attempt: mint, dial, wait for the first frame. The outcome comes back as an event of this generation."""

    generation: int
    session_options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Configure:
    """Send the session's configuration in the upstream's dialect: the options, with the client's updates over them."""

    generation: int
    session_options: Mapping[str, Any]
    updates: Mapping[str, Any]
    """What the client's own `session.update` events changed, merged."""


@dataclass(frozen=True, slots=True)
class SendAudio:
    """Append this PCM16 audio upstream."""

    generation: int
    pcm: bytes
    event_id: str | None = None
    """The client's `event_id`; None in a replay."""


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
    """Close this generation's socket, or cancel its attempt. Later events of this generation are ignored."""

    generation: int
    reason: str


# To the client


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send a message of the client protocol. `message` has its `type`; the client endpoint adds the `timestamp`."""

    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Forward:
    """Send a native server event as the upstream wrote it."""

    type: str
    frame: bytes


@dataclass(frozen=True, slots=True)
class EndResponse:
    """End a response that the client saw begin, and whose end is lost with its session.

    Only for the native endpoint, in native events: a client of the client protocol learns it from `reconnecting`.
    """

    response: OpenResponse
    dialect: str
    """Of the session that is lost."""


@dataclass(frozen=True, slots=True)
class SendNative:
    """Send an event of the service that the core made. Only for the native endpoint."""

    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CloseClient:
    """Close the client connection after everything sent before."""

    code: int
    reason: str


# To the operator


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A log line and the metrics that go with it. `name` is dotted and constant."""

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)


ClientCommand = SendMessage | Forward | EndResponse | SendNative
"""What is rendered as messages to the client."""

Command = (
    OpenUpstream
    | Configure
    | SendAudio
    | SendEvent
    | SendFrame
    | CloseUpstream
    | SendMessage
    | Forward
    | EndResponse
    | SendNative
    | CloseClient
    | LogEvent
)
