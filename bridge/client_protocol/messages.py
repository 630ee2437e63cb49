"""Every message of the client protocol, both directions, as typed values.

Text frames carry one JSON object with a string `type`; binary frames carry audio (PCM16, little endian, mono, 24 kHz).
A `type` with a dot is an event of the Realtime API, passed through in either direction. In Python the fields have
snake_case names, on the wire camelCase. Decoding ignores fields that it doesn't know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

import msgspec
from msgspec import Meta

from bridge.client_protocol.errors import ClientCode  # noqa: TC001 - msgspec reads the annotations at run time
from bridge.client_protocol.fields import (
    Amount,
    Count,
    Flag,
    MessageType,
    NonEmptyText,
    Object,
    PingId,
    PlayedMs,
    Text,
    TextOrNumber,
    Texts,
    Timestamp,
    Tools,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

PROTOCOL_VERSION: Final = 1


class ClientMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A message that a client sends."""


class CreateSessionMessage(ClientMessage, frozen=True, kw_only=True, tag="create_session"):
    """Open the session. Ignored while one is being opened; after a failure it starts a new attempt."""

    model: Annotated[NonEmptyText | None, Meta(description="The model; the bridge's own by default.")] = None
    voice: Annotated[NonEmptyText | None, Meta(description="The voice of the answers.")] = None
    instructions: Annotated[Text | None, Meta(description="The system prompt.")] = None
    customer_id: Annotated[TextOrNumber | None, Meta(description="Who the caller is, for the bridge's own use.")] = None
    customer_name: Annotated[Text | None, Meta(description="The caller's name, for the bridge's own use.")] = None
    kind: Annotated[
        Literal["conversation", "transcription"] | None,
        Meta(description="A conversation (default), or a transcription, which has no answers."),
    ] = None
    turn_detection: Annotated[
        Literal["server_vad", "semantic_vad", "none"] | None,
        Meta(description="Who ends a turn; with `none` the client sends `audio_commit`. Default: server_vad."),
    ] = None
    tools: Annotated[Tools | None, Meta(description="Functions, as in the Realtime API's `session.tools`.")] = None
    audio_out: Annotated[
        Literal["base64", "binary"] | None,
        Meta(description="How answers arrive: as native audio deltas (default), or as binary frames."),
    ] = None
    usage: Annotated[Flag | None, Meta(description="Whether to send `usage` behind each `response.done`.")] = None


class AudioMessage(ClientMessage, frozen=True, kw_only=True, tag="audio"):
    """A chunk of speech as JSON. A binary frame does the same with a quarter fewer bytes; 20 ms is usual."""

    audio: Annotated[Text, Meta(description="PCM16, 24 kHz, mono, in base64.")]


class AudioCommitMessage(ClientMessage, frozen=True, kw_only=True, tag="audio_commit"):
    """End the turn, where `turnDetection` is `none`; asks for the answer."""


class TextMessage(ClientMessage, frozen=True, kw_only=True, tag="text"):
    """A typed turn; asks for the answer. Not in a transcription."""

    text: Annotated[NonEmptyText, Meta(description="What the user typed.")]


class InterruptMessage(ClientMessage, frozen=True, kw_only=True, tag="interrupt"):
    """Barge-in: cancel the response, and truncate the item to what was heard."""

    item_id: Annotated[NonEmptyText | None, Meta(description="The item; by default the one being spoken.")] = None
    played_ms: Annotated[PlayedMs | None, Meta(description="How much of it was played.")] = None


class PlaybackMessage(ClientMessage, frozen=True, kw_only=True, tag="playback"):
    """How much of an answer was played by now. Send it at most every 250 ms, and when playing ends or stops."""

    item_id: Annotated[NonEmptyText, Meta(description="The item that plays.")]
    played_ms: Annotated[PlayedMs, Meta(description="How much of it was played.")]


class ToolResultMessage(ClientMessage, frozen=True, kw_only=True, tag="tool_result"):
    """The result of a tool call; asks for the answer. Not in a transcription."""

    call_id: Annotated[NonEmptyText, Meta(description="The `call_id` of the function call.")]
    output: Annotated[Text, Meta(description="The result, as a string.")]


class RestartSessionMessage(ClientMessage, frozen=True, kw_only=True, tag="restart_session"):
    """Open a new upstream session with the same context, for example when the assistant has stopped answering."""


class EndSessionMessage(ClientMessage, frozen=True, kw_only=True, tag="end_session"):
    """Close the upstream session and keep the socket."""


class PingMessage(ClientMessage, frozen=True, kw_only=True, tag="ping"):
    """Ask the bridge for a `pong`; nothing goes upstream."""

    id: Annotated[PingId | None, Meta(description="Returned in the `pong`.")] = None


class BridgeMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A message that a bridge sends."""

    timestamp: Annotated[Timestamp, Meta(description="When the bridge sent it.")]


class SessionMessage(BridgeMessage, frozen=True, kw_only=True):
    """A message about the session."""

    generation: Annotated[Count, Meta(description="Counts the upstream sessions tried for this socket; it only grows.")]


class ConnectedMessage(BridgeMessage, frozen=True, kw_only=True, tag="connected"):
    """The first message on a socket, sent once: it names the client and the protocol's version."""

    client_id: Annotated[NonEmptyText, Meta(description="What the bridge calls this client in its logs.")]
    protocol: Annotated[Literal[1], Meta(description="The version of this protocol.")]


class SessionInitializingMessage(SessionMessage, frozen=True, kw_only=True, tag="session_initializing"):
    """An attempt to open the session starts."""

    attempt: Annotated[Count, Meta(description="Which one, from 1.")]
    max_attempts: Annotated[Count, Meta(description="How many there will be at most.")]


class SessionReadyMessage(SessionMessage, frozen=True, kw_only=True, tag="session_ready"):
    """The upstream confirmed the session and its configuration; held audio goes up now."""

    message: Annotated[NonEmptyText, Meta(description="One sentence for people.")]
    session_id: Annotated[NonEmptyText, Meta(description="The upstream's id of the session.")]
    model: Annotated[NonEmptyText, Meta(description="The model that answers.")]
    dialect: Annotated[NonEmptyText, Meta(description="The upstream's dialect: `ga` or `beta`.")]
    buffered_chunks: Annotated[Count, Meta(description="Chunks of audio that were held.")]
    buffered_ms: Annotated[Amount, Meta(description="Milliseconds of audio that were held.")]


class ReconnectingMessage(SessionMessage, frozen=True, kw_only=True, tag="reconnecting"):
    """The upstream session was lost. Keep speaking: audio is held."""

    attempt: Annotated[Count, Meta(description="Which attempt comes next, from 1.")]
    max_attempts: Annotated[Count, Meta(description="How many there will be at most.")]
    delay_ms: Annotated[Amount, Meta(description="The wait before that attempt, in milliseconds.")]
    reason: Annotated[NonEmptyText, Meta(description="Why the session was lost, or the last attempt failed.")]


class ReconnectedMessage(SessionMessage, frozen=True, kw_only=True, tag="reconnected"):
    """A new session replaced the lost one."""

    message: Annotated[NonEmptyText, Meta(description="One sentence for people.")]
    session_id: Annotated[NonEmptyText, Meta(description="The upstream's id of the new session.")]
    held_ms: Annotated[Amount, Meta(description="Milliseconds of audio that were held.")]
    resent_ms: Annotated[Amount, Meta(description="Milliseconds of unanswered audio that are sent again.")]
    restored: Annotated[
        Object, Meta(description="What came back: `config`, `tools`, `turns` (a count), `pendingTools`.")
    ]
    lost: Annotated[Texts, Meta(description="What was not restored, in words.")]


class SessionExpiringMessage(SessionMessage, frozen=True, kw_only=True, tag="session_expiring"):
    """The upstream's maximum session age is near, and the bridge is about to roll over; or the session ends soon."""

    expires_at: Annotated[NonEmptyText, Meta(description="When the session ends, ISO 8601.")]
    expires_in_ms: Annotated[Count | None, Meta(description="The same from now on, where there is a `reason`.")] = None
    reason: Annotated[
        NonEmptyText | None,
        Meta(description="`idle` or `max_duration`: the bridge ends the session then. Absent: it rolls over before."),
    ] = None


class AudioDroppedMessage(SessionMessage, frozen=True, kw_only=True, tag="audio_dropped"):
    """The bridge dropped something that it held. Sent at most once a second, with sums."""

    chunks: Annotated[Count, Meta(description="Chunks of audio.")]
    ms: Annotated[Amount, Meta(description="Milliseconds of audio.")]
    messages: Annotated[Count, Meta(description="Other messages.")]
    reason: Annotated[NonEmptyText, Meta(description="`buffer_full`, `too_old` or `session_failed`.")]


class UsageMessage(SessionMessage, frozen=True, kw_only=True, tag="usage"):
    """What a response took, behind its `response.done`, if `create_session` had `usage: true`."""

    input_tokens: Annotated[Count, Meta(description="All input, cached or not.")]
    output_tokens: Annotated[Count, Meta(description="All output.")]
    cached_tokens: Annotated[Count, Meta(description="The part of the input that was cached.")]
    audio_input_tokens: Annotated[Count, Meta(description="The part of the input that is audio.")]
    audio_output_tokens: Annotated[Count, Meta(description="The part of the output that is audio.")]
    cost_usd: Annotated[Amount | None, Meta(description="What it cost; null if no price is known.")] = None
    total: Annotated[Object, Meta(description="The same fields for all responses of this connection.")]


class SessionClosedMessage(SessionMessage, frozen=True, kw_only=True, tag="session_closed"):
    """The session ended on purpose."""

    reason: Annotated[
        NonEmptyText, Meta(description="`ended`, `expired`, `draining`, `idle`, `max_duration` or `budget`.")
    ]


class BridgeErrorMessage(SessionMessage, frozen=True, kw_only=True, tag="error"):
    """Something went wrong. At most one in any 2 s; `suppressed` counts the others."""

    code: Annotated[ClientCode, Meta(description="A code of the error table.")]
    message: Annotated[NonEmptyText, Meta(description="What happened, for people.")]
    retryable: Annotated[Flag, Meta(description="Whether the same may work later.")]
    suppressed: Annotated[Count, Meta(description="How many other errors it replaces.")]
    detail: Annotated[Object | None, Meta(description="What is known about the cause.")] = None


class PongMessage(BridgeMessage, frozen=True, kw_only=True, tag="pong"):
    """The bridge's own answer to `ping`: nothing was sent upstream."""

    id: Annotated[PingId | None, Meta(description="The `id` of the ping.")] = None


def _table(*structs: type[msgspec.Struct]) -> dict[str, MessageType]:
    known = (MessageType.from_struct(struct) for struct in structs)
    return {message.name: message for message in known}


CLIENT_MESSAGES: Final[Mapping[str, MessageType]] = _table(
    CreateSessionMessage,
    AudioMessage,
    AudioCommitMessage,
    TextMessage,
    InterruptMessage,
    PlaybackMessage,
    ToolResultMessage,
    RestartSessionMessage,
    EndSessionMessage,
    PingMessage,
)
"""Every message that a client may send, by type."""

BRIDGE_MESSAGES: Final[Mapping[str, MessageType]] = _table(
    ConnectedMessage,
    SessionInitializingMessage,
    SessionReadyMessage,
    ReconnectingMessage,
    ReconnectedMessage,
    SessionExpiringMessage,
    AudioDroppedMessage,
    UsageMessage,
    SessionClosedMessage,
    BridgeErrorMessage,
    PongMessage,
)
"""Every message that a bridge may send, by type."""


def is_native(message_type_name: str) -> bool:
    """Whether a `type` is an event of the Realtime API: those, and only those, have a dot."""
    return "." in message_type_name


def encode(message: ClientMessage | BridgeMessage) -> bytes:
    """Write a message as the UTF-8 JSON of a text frame; fields that are None are left out."""
    return msgspec.json.encode(message)


def decode_client_message(body: Mapping[str, Any]) -> ClientMessage:
    """Make the typed value of a client's JSON object.

    Raises KeyError for a type that doesn't exist, msgspec.ValidationError (a ValueError) for a field that isn't valid.
    """
    return cast("ClientMessage", _decode(body, CLIENT_MESSAGES))


def decode_bridge_message(body: Mapping[str, Any]) -> BridgeMessage:
    """Make the typed value of a bridge's JSON object. Raises as `decode_client_message` does."""
    return cast("BridgeMessage", _decode(body, BRIDGE_MESSAGES))


def _decode(body: Mapping[str, Any], known: Mapping[str, MessageType]) -> msgspec.Struct:
    given = {name: value for name, value in body.items() if value is not None}
    return msgspec.convert(given, known[body["type"]].struct)
