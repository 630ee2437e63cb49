"""What can happen to a session: the core's only input. `commands.py` is its counterpart.

The driver (`bridge/driver/`) translates frames, closes and timers into these events. Every event from an upstream
carries its generation, so that a late event of an earlier generation is recognized and ignored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# From the client


@dataclass(frozen=True, slots=True)
class CreateSession:
    """The client asks for a session. `session_options` is its message, validated by the endpoint it came in at."""

    session_options: Mapping[str, Any] = field(default_factory=dict)
    native: bool = False
    """Whether the client is an SDK. It expects an answer to each of its events that the upstream refuses: such an error
    is neither throttled nor left out, and it has the `event_id` of the refused event."""


@dataclass(frozen=True, slots=True)
class ClientAudio:
    """A chunk of speech: PCM16, 24 kHz, mono, whole samples."""

    pcm: bytes
    event_id: str | None = None
    """The client's `event_id`, which an upstream error refers to. It goes upstream once; a replay has none."""


@dataclass(frozen=True, slots=True)
class ClientCommit:
    """The client says that its turn has ended (no turn detection)."""


@dataclass(frozen=True, slots=True)
class ClientText:
    """A turn that the user typed. It asks for a response, as a spoken turn does when it ends."""

    text: str


@dataclass(frozen=True, slots=True)
class ClientToolResult:
    """The output of a function call."""

    call_id: str
    output: str


@dataclass(frozen=True, slots=True)
class ClientNative:
    """A native client event to forward as it is. `body` is its JSON. Audio comes as `ClientAudio` instead.

    The core reads the bodies of the types in `to_upstream.READ_EVENTS`. Without a body, as while the event waits for a
    session, it is read from the frame when the event goes upstream.
    """

    type: str
    frame: bytes
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Barge-in: stop the response and truncate what was not played. `item_id` None means the item being spoken."""

    item_id: str | None = None
    played_ms: int | None = None


@dataclass(frozen=True, slots=True)
class PlaybackProgress:
    """How much of an item the client has played by now. The bridge keeps it; nothing goes upstream."""

    item_id: str
    played_ms: int


@dataclass(frozen=True, slots=True)
class RestartSession:
    """Replace the upstream session by a fresh one and keep the conversation."""


@dataclass(frozen=True, slots=True)
class EndSession:
    """Close the upstream session and keep the client connection."""


@dataclass(frozen=True, slots=True)
class Ping:
    """The client's `ping` message, answered with `pong`; nothing goes upstream."""

    id: Any = None


@dataclass(frozen=True, slots=True)
class BadMessage:
    """The client sent something that is no message of the protocol. `message` says what is wrong with it."""

    code: str
    message: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    """`eventId`, if the message had one."""


@dataclass(frozen=True, slots=True)
class ClientLimitExceeded:
    """The client broke a limit (too slow, too fast, too large) and its connection is to be closed."""

    code: str
    message: str
    close_code: int


@dataclass(frozen=True, slots=True)
class ClientGone:
    """The client's connection has ended: the session ends, too, and nothing more can be sent to the client."""


# From the upstream


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt failed or a session ended, in the terms of the client protocol."""

    code: str
    """An error code of the client protocol: `AUTHENTICATION_FAILED`, `UPSTREAM_UNAVAILABLE`, ..."""
    message: str
    retryable: bool
    retry_after_seconds: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Status, upstream code, request or session id; never a secret."""


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """Minting, dialling or the first frame failed."""

    generation: int
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCreated:
    """The upstream's first event: the session exists."""

    generation: int
    frame: bytes
    session_id: str
    model: str
    dialect: str
    expires_at: float | None
    """On the core's clock, in seconds; None if the upstream didn't say."""
    expires_at_text: str = ""
    """The same as ISO 8601, for people and clients."""
    type: str = "session.created"
    """The upstream event's type; a beta transcription session has its own."""


@dataclass(frozen=True, slots=True)
class SessionConfigured:
    """The upstream confirmed the configuration that `Configure` sent. `body` is the event's JSON."""

    generation: int
    frame: bytes
    body: Mapping[str, Any] = field(default_factory=dict)
    type: str = "session.updated"
    """The upstream event's type; a beta transcription session has its own."""


@dataclass(frozen=True, slots=True)
class UpstreamEvent:
    """Any other native server event. `body` is its JSON if `to_client.PARSED_EVENTS` has its type, else None."""

    generation: int
    type: str
    frame: bytes
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class UpstreamError:
    """A native `error` event. Harmless ones are only counted; any other fails a session that is not ready yet."""

    generation: int
    failure: Failure
    upstream: Mapping[str, Any]
    """The native error object."""
    harmless: bool


@dataclass(frozen=True, slots=True)
class UpstreamLost:
    """The upstream socket is gone: closed, broken, or silent. The bridge's own close gives no such event."""

    generation: int
    failure: Failure
    reason: str
    """For `reconnecting.reason`: a few plain words."""
    acknowledged_bytes: int | None = None
    """How much of this session's audio the upstream has certainly received; None if unknown."""


# From the driver and the operator


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline that the core asked for has come."""


@dataclass(frozen=True, slots=True)
class Drain:
    """The bridge shuts down: end the session in the next pause, after `grace_seconds` at the latest."""

    grace_seconds: float


ClientInput = ClientAudio | ClientCommit | ClientText | ClientToolResult | ClientNative
"""What is buffered, in order, while no session is ready."""

Event = (
    CreateSession
    | ClientInput
    | Interrupt
    | PlaybackProgress
    | RestartSession
    | EndSession
    | Ping
    | BadMessage
    | ClientLimitExceeded
    | ClientGone
    | AttemptFailed
    | SessionCreated
    | SessionConfigured
    | UpstreamEvent
    | UpstreamError
    | UpstreamLost
    | Tick
    | Drain
)
