"""What can happen to a session: the only way anything gets into the core. The mirror image is `commands.py`.

Whoever drives the core (one interpreter, `bridge/driver/driver.py`) translates frames, closes and clocks into these.
Every event about an upstream carries the generation it belongs to, so that a late one of an earlier generation is
recognized.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# From the client


@dataclass(frozen=True, slots=True)
class CreateSession:
    """The client asks for a session. `wish` is its message, checked by the door: what the session shall be."""

    session_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClientAudio:
    """A chunk of speech: PCM16, 24 kHz, mono, whole samples."""

    pcm: bytes
    event_id: str | None = None
    """What its author called it: an error of the upstream's names it. It goes up once; what is sent again has none."""


@dataclass(frozen=True, slots=True)
class ClientCommit:
    """The client says that its speech has ended (no turn detection)."""


@dataclass(frozen=True, slots=True)
class ClientText:
    """A typed turn."""

    text: str


@dataclass(frozen=True, slots=True)
class ClientToolResult:
    """The answer of a tool call."""

    call_id: str
    output: str


@dataclass(frozen=True, slots=True)
class ClientNative:
    """A native client event, to be forwarded as it is. `body` is its JSON; audio comes as `ClientAudio` instead.

    The core looks into the body of `response.create`, `conversation.item.create` and the session updates. Without one
    the event is forwarded all the same, but a fresh session after a loss does not know of it.
    """

    type: str
    frame: bytes
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Barge-in: stop the answer; what was not heard is cut. `item_id` None: the item that is being spoken."""

    item_id: str | None = None
    played_ms: int | None = None


@dataclass(frozen=True, slots=True)
class RestartSession:
    """Give up the upstream session and open a fresh one, context kept."""


@dataclass(frozen=True, slots=True)
class EndSession:
    """Close the upstream session, keep the client's socket."""


@dataclass(frozen=True, slots=True)
class Ping:
    """The client's own ping; nothing of it goes upstream."""

    id: Any = None


@dataclass(frozen=True, slots=True)
class BadMessage:
    """The client sent something that is no message of the protocol. `message` says what and why."""

    code: str
    message: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    """`eventId`, where the message had one."""


@dataclass(frozen=True, slots=True)
class ClientLimitExceeded:
    """The client broke a limit and its socket is to be closed: too slow, too fast, too large."""

    code: str
    message: str
    close_code: int


@dataclass(frozen=True, slots=True)
class ClientGone:
    """The client's socket is over."""


# From the upstream


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt failed or a session ended, in the terms of the client protocol."""

    code: str
    """A code of the error table: `AUTHENTICATION_FAILED`, `UPSTREAM_UNAVAILABLE`, ..."""
    message: str
    retryable: bool
    retry_after_seconds: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Status, upstream code, request or session id; never a secret."""


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """Minting, dialling or the first frame came to nothing."""

    generation: int
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCreated:
    """The upstream's first event said that there is a session."""

    generation: int
    frame: bytes
    session_id: str
    model: str
    dialect: str
    expires_at: float | None
    """In the core's own time, seconds; None when the upstream did not say."""
    expires_at_text: str = ""
    """The same for people and clients, ISO 8601."""
    type: str = "session.created"
    """The name of the upstream's event; a beta transcription session has its own."""


@dataclass(frozen=True, slots=True)
class SessionConfigured:
    """The upstream confirmed the configuration that `Configure` sent. `body` is the event's JSON."""

    generation: int
    frame: bytes
    body: Mapping[str, Any] = field(default_factory=dict)
    type: str = "session.updated"
    """The name of the upstream's event; a beta transcription session has its own."""


@dataclass(frozen=True, slots=True)
class UpstreamEvent:
    """Any other native server event. `body` is its JSON for the types of `turns.PARSED_EVENTS`, else None."""

    generation: int
    type: str
    frame: bytes
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class UpstreamError:
    """A native `error` event. `harmless` ones are counted, not shown; before the session is ready, others fail it."""

    generation: int
    failure: Failure
    upstream: Mapping[str, Any]
    """The native error object."""
    harmless: bool


@dataclass(frozen=True, slots=True)
class UpstreamLost:
    """The upstream socket is over: closed, broken, pings missed. Closing it ourselves gives none."""

    generation: int
    failure: Failure
    reason: str
    """For `reconnecting.reason`: a few plain words."""
    acknowledged_bytes: int | None = None
    """How much of this session's speech the upstream has certainly taken; None: nobody knows."""


# From the house


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline that the core asked for has come."""


@dataclass(frozen=True, slots=True)
class Drain:
    """The bridge is going down: no later than after `grace_seconds`."""

    grace_seconds: float


ClientInput = ClientAudio | ClientCommit | ClientText | ClientToolResult | ClientNative
"""What waits in order while there is no ready session."""

Event = (
    CreateSession
    | ClientInput
    | Interrupt
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
