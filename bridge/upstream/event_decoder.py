"""Decodes the frames of one upstream session into events of the core. No I/O and no clock.

Text frames come as their UTF-8, which the transport has checked, and what is forwarded is the same bytes. The hot path
is audio for the client: only its type and its last byte are checked, and it is forwarded unparsed. A frame that is
truncated or otherwise not JSON is never forwarded, and a key that the upstream repeats in any event never either.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.core.events import SessionConfigured, SessionCreated, UpstreamError, UpstreamEvent
from bridge.core.to_client import PARSED_EVENTS, UNREADABLE_FRAME
from bridge.protocol.dialects.detection import Dialect, detect_dialect
from bridge.protocol.events.groups import AUDIO_DELTAS, SESSION_CREATED, SESSION_UPDATED
from bridge.protocol.events.peek import is_json, peek
from bridge.protocol.refusals.lookup import refusal_for_error
from bridge.upstream.failures import (
    UpstreamClosed,
    as_upstream_error,
    close_detail,
    failure_from_close,
    failure_from_error,
    failure_reason,
    hide_keys,
    redact_json,
    upstream_unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bridge.core.events import Failure
    from bridge.transport.link import LinkClosed
    from reports.redaction import Secret

#: What an upstream link returns to the core.
DecodedEvent = SessionCreated | SessionConfigured | UpstreamEvent | UpstreamError

_PARSED = PARSED_EVENTS | SESSION_CREATED | SESSION_UPDATED | {"error"}

#: Errors of a running session that the client does not need, and why.
HARMLESS_ERRORS: Mapping[str, str] = {
    "response_cancel_not_active": "the response ended before the cancel arrived",
    "conversation_already_has_active_response": "the bridge sends the request again when the running response is done",
    "session_expired": "the close that follows says the same, and the bridge reconnects",
}

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_BRACE = ord("}")


class EventDecoder:
    """Decodes the server frames of one upstream session."""

    __slots__ = (
        "_created",
        "_detail",
        "_fatal_error",
        "_hide",
        "_keys",
        "_redact",
        "_unix_time",
        "configure_sent",
        "configured",
        "dialect",
        "generation",
    )

    def __init__(
        self,
        generation: int,
        dialect: Dialect,
        *,
        redact: Callable[[str], str],
        hide: Callable[[str], str] = hide_keys,
        keys: Sequence[Secret] = (),
        unix_time: Callable[[], float],
        session_id: str | None = None,
    ) -> None:
        """`redact` makes a text fit for logs, `hide` only removes the keys from one that the client gets as it is.

        `keys` are those that no frame may hold. `session_id` is that of the minted secret, until the first event.
        """
        self.generation = generation
        self.dialect = dialect
        """The requested dialect, then the one that the first frame shows."""
        self.configure_sent = False
        """Whether the configuration was sent: then the next session.updated confirms it."""
        self.configured = False
        self._created = False
        self._redact, self._hide, self._unix_time = redact, hide, unix_time
        self._keys = tuple((key.reveal().encode(), key.hint.encode()) for key in keys if key)
        self._detail: dict[str, Any] = {} if session_id is None else {"sessionId": session_id}
        self._fatal_error: Failure | None = None

    def without_keys(self, frame: bytes) -> bytes:
        """Return a frame with a hint in place of each key: an upstream may quote them in any event that failed.

        Audio needs no look: it quotes nothing.
        """
        for key, hint in self._keys:
            if key in frame:
                frame = frame.replace(key, hint)
        return frame

    def decode(self, frame: bytes, now: float) -> DecodedEvent:
        """Decode one text frame; `now` is the core's time.

        Raises UpstreamClosed for an error before the configuration is confirmed, and if the first frame is no event.
        """
        relayed = relayed_type(frame)
        if relayed is not None:
            return UpstreamEvent(self.generation, relayed, frame)
        event_type = peek(frame)
        if event_type is None or event_type not in _PARSED:
            return self._unreadable()
        try:
            body = _decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._unreadable()
        if event_type == "error":
            return self._error(body)
        if event_type in SESSION_CREATED and not self._created:
            return self._session_created(event_type, frame, body, now)
        if event_type in SESSION_UPDATED and self.configure_sent and not self.configured:
            self.configured = True
            return SessionConfigured(self.generation, frame, body, event_type)
        return UpstreamEvent(self.generation, event_type, frame, body)

    def decode_binary(self) -> UpstreamError:
        """Return the error for a binary frame, which is never an event. Raises as `decode` does."""
        return self._unreadable()

    def closed(self, end: LinkClosed) -> UpstreamClosed:
        """Return why the WebSocket closed. A fatal error that was read before it says more than the close."""
        if self._fatal_error is not None:
            detail = {**self._fatal_error.detail, **close_detail(end, self._redact)}
            return UpstreamClosed(replace(self._fatal_error, detail=detail), failure_reason(self._fatal_error))
        failure = failure_from_close(end, self._redact, **self._detail)
        return UpstreamClosed(failure, failure_reason(failure))

    @property
    def close_is_due(self) -> bool:
        """Whether an error was read behind which the service closes."""
        return self._fatal_error is not None

    def _unreadable(self) -> UpstreamError:
        failure = upstream_unavailable("The upstream sent a frame that is no event.", **self._detail)
        if not self._created:
            raise UpstreamClosed(failure, failure_reason(failure))
        shown = {"type": "bridge_error", "code": UNREADABLE_FRAME, "message": failure.message}
        return UpstreamError(self.generation, as_upstream_error(failure), shown, harmless=False)

    def _error(self, body: Mapping[str, Any]) -> UpstreamError:
        error = _object(body, "error")
        shown = redact_json(error, self._hide)
        failure = failure_from_error(error, self._redact, **self._detail, upstream=shown)
        code = error.get("code")
        harmless = isinstance(code, str) and code in HARMLESS_ERRORS
        fatal = refusal_for_error(error).fatal or not self._created
        if fatal:
            self._fatal_error = failure
        if not self.configured and (fatal or not harmless):
            raise UpstreamClosed(failure, failure_reason(failure))
        return UpstreamError(self.generation, as_upstream_error(failure), shown, harmless=harmless)

    def _session_created(self, event_type: str, frame: bytes, body: Mapping[str, Any], now: float) -> SessionCreated:
        self._created = True
        session = _object(body, "session")
        detected = detect_dialect(body).dialect
        self.dialect = detected if detected in (Dialect.GA, Dialect.BETA) else self.dialect
        session_id = _text(session, "id")
        if session_id:
            self._detail["sessionId"] = session_id
        expires_at = session.get("expires_at")
        left = _seconds_left(expires_at, self._unix_time())
        return SessionCreated(
            generation=self.generation,
            type=event_type,
            frame=frame,
            session_id=session_id,
            model=_text(session, "model"),
            dialect=str(self.dialect),
            expires_at=None if left is None else now + left,
            expires_at_text="" if left is None else _iso(float(expires_at or 0)),
        )


def relayed_type(frame: bytes) -> str | None:
    """Return the type of a text frame that is forwarded unread; None if `decode` must look at it.

    For `Session.relay_event`: `decode` makes an `UpstreamEvent` without a body of exactly these frames.
    """
    event_type = peek(frame)
    if event_type in AUDIO_DELTAS:
        return event_type if _is_complete_object(frame) else None
    return event_type if event_type is not None and event_type not in _PARSED and is_json(frame) else None


def _is_complete_object(frame: bytes) -> bool:
    """Whether the frame ends with a closing brace. Audio deltas are flat, and base64 has no brace."""
    return frame[-1] == _BRACE or frame.rstrip(b" \t\r\n")[-1] == _BRACE


def _object(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


#: No session lasts a year: larger values are not times.
_YEAR_SECONDS = 365 * 86_400
_YEAR_5138 = 1e11


def _seconds_left(expires_at: object, unix_time: float) -> float | None:
    """Return how many seconds a session has left; None if the upstream does not say (0 after minting) or is wrong."""
    if not isinstance(expires_at, int | float) or not 0 < expires_at < _YEAR_5138:
        return None
    left = expires_at - unix_time
    return left if abs(left) < _YEAR_SECONDS else None


def _iso(unix_seconds: float) -> str:
    when = datetime.fromtimestamp(unix_seconds, UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
