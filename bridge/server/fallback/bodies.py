"""What the bodies and parameters of fallback requests say: audio, messages, numbers.

Pure. Each function returns the value or raises BadRequest, which names what is wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bridge.core.events import BadMessage, CreateSession
from bridge.server.clients.json_messages import parse_client_frame
from bridge.server.clients.native_messages import (
    InvalidMessageError,
    audio_problem,
    decode_audio,
    decode_object,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.server.clients.native_messages import LockedFields
    from bridge.transport.http import HttpRequest

#: How many messages one POST may hold. A client that gathers them for a second has a few dozen.
MAX_MESSAGES: Final = 1_000
#: The longest that a request for events may wait, in seconds: proxies cut it at 30 to 60.
MAX_WAIT_SECONDS: Final = 25.0
_PCM: Final = frozenset({"audio/pcm", "application/octet-stream"})
_JSON: Final = "application/json"
_NDJSON: Final = frozenset({"application/x-ndjson", "application/ndjson"})
#: At most 15 digits: exact in every JSON parser.
_NUMBER: Final = re.compile(r"[0-9]{1,15}")
_SECONDS: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


class BadRequest(Exception):  # noqa: N818 - an answer, not a failure of ours
    """The request cannot be taken; `status` and `code` are those of the answer."""

    def __init__(self, message: str, *, status: int = 400, code: str = "INVALID_MESSAGE") -> None:
        super().__init__(message)
        self.status, self.code = status, code


def session_options(request: HttpRequest, locked: LockedFields) -> Mapping[str, Any]:
    """Return the options of a new session: the fields of `create_session`. An empty body has none."""
    if request.body:
        _expect(request, {_JSON})
    try:
        body = decode_object(request.body or b"{}")
    except InvalidMessageError as invalid:
        raise BadRequest(str(invalid)) from None
    event = parse_client_frame(msgspec.json.encode({**body, "type": "create_session"}), locked)
    match event:
        case CreateSession(options):
            return options
        case BadMessage(_, message):
            raise BadRequest(message)
    raise AssertionError(f"create_session became {type(event).__name__}")


def audio(request: HttpRequest) -> bytes:
    """Return the speech of a POST: PCM16 as it is, or base64 in JSON."""
    kind = _expect(request, _PCM | {_JSON})
    pcm = _decoded_audio(request.body) if kind == _JSON else request.body
    if problem := audio_problem(pcm):
        raise BadRequest(problem)
    return pcm


def _decoded_audio(body: bytes) -> bytes:
    try:
        text = decode_object(body).get("audio")
        if not isinstance(text, str):
            raise BadRequest("'audio' must be a base64 string.")
        return decode_audio(text)
    except InvalidMessageError as invalid:
        raise BadRequest(str(invalid)) from None


def messages(request: HttpRequest) -> Sequence[bytes]:
    """Return the messages of a POST, unread: one as JSON, or several as NDJSON."""
    kind = _expect(request, _NDJSON | {_JSON})
    found = [request.body] if kind == _JSON else [line for line in request.body.split(b"\n") if line.strip()]
    if len(found) > MAX_MESSAGES:
        raise BadRequest(f"The body has {len(found)} messages. It may have {MAX_MESSAGES}.")
    return found


def number(request: HttpRequest, name: str, default: int | None = None) -> int:
    """Return a whole number from the query."""
    text = request.query.get(name)
    if text is None and default is not None:
        return default
    if text is None or not _NUMBER.fullmatch(text):
        raise BadRequest(f"The query must have {name}=N, a whole number.")
    return int(text)


def resume_after(request: HttpRequest) -> int:
    """Return behind which event a stream begins: `Last-Event-ID`, which browsers send, or `after`."""
    text = request.header("last-event-id")
    if text is None:
        return number(request, "after", 0)
    if not _NUMBER.fullmatch(text):
        raise BadRequest("Last-Event-ID must be the id of an event.")
    return int(text)


def wait_seconds(request: HttpRequest) -> float:
    """Return how long a request for events waits for one: `wait`, by default and at most MAX_WAIT_SECONDS."""
    text = request.query.get("wait", str(MAX_WAIT_SECONDS))
    if not _SECONDS.fullmatch(text):
        raise BadRequest("'wait' must be a number of seconds.")
    return min(float(text), MAX_WAIT_SECONDS)


def _expect(request: HttpRequest, kinds: frozenset[str] | set[str]) -> str:
    """Return the media type of the body. Raises BadRequest (415) for another one."""
    kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if kind not in kinds:
        expected = " or ".join(sorted(kinds))
        raise BadRequest(f"The Content-Type must be {expected}.", status=415, code="UNSUPPORTED_MEDIA_TYPE")
    return kind
