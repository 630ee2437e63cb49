"""The REST fallback of the client protocol as an OpenAPI 3.1 document. The bridge serves it at OPENAPI_PATH.

The fields of a session and the error codes are derived from the message structs and the error table; what each request
does is written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from bridge.client_protocol.endpoints import FALLBACK_PATH
from bridge.client_protocol.errors import ERRORS
from bridge.client_protocol.messages import BRIDGE_MESSAGES, CLIENT_MESSAGES, PROTOCOL_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

_JSON: Final = "application/json"
_SESSION_PATH: Final = f"{FALLBACK_PATH}/{{id}}"
#: What a request may be refused with, by status.
_REFUSALS: Final[Mapping[int, str]] = {
    400: "The request is invalid; the code is INVALID_MESSAGE.",
    401: "A token is missing or wrong.",
    403: "The origin may not connect.",
    405: "The path has other methods; see `Allow`.",
    408: "The body did not arrive in time.",
    409: "A POST before this one is missing; `expected` is its number.",
    410: "The session is over, or was never here; the code is SESSION_GONE.",
    413: "The body is too large.",
    415: "The body has another media type.",
    429: "The client sent too fast: the session is over.",
    503: "The bridge accepts no new sessions now, or the worker that has this one is busy: ask again.",
}
_ALWAYS: Final = (400, 403, 405)
_COUNT: Final = {"type": "integer", "minimum": 0, "maximum": 10**15 - 1}
_SEQ: Final = {
    "name": "seq",
    "in": "query",
    "required": True,
    "schema": _COUNT,
    "description": "The number of this POST. Audio and messages of a session are counted together, from 0.",
}
_AFTER: Final = {
    "name": "after",
    "in": "query",
    "schema": {**_COUNT, "default": 0},
    "description": "The number of the newest event that was received; it acknowledges all up to it.",
}
_WAIT: Final = {
    "name": "wait",
    "in": "query",
    "schema": {"type": "number", "minimum": 0, "maximum": 25, "default": 25},
    "description": "How many seconds to wait for an event. Longer waits are cut to 25 s.",
}
_LAST_EVENT_ID: Final = {
    "name": "Last-Event-ID",
    "in": "header",
    "schema": {"type": "string", "pattern": "^[0-9]{1,15}$"},
    "description": "Resumes a stream behind this event, and acknowledges it; it is preferred to `after`.",
}
_ID: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9-]+-[0-9]+\\.[A-Za-z0-9_-]+$"},
    "description": "The id of the session: NODE-WORKER.RANDOM.",
}


def openapi() -> dict[str, Any]:
    """Give the OpenAPI 3.1 document."""
    structs = [message.struct for message in (*CLIENT_MESSAGES.values(), *BRIDGE_MESSAGES.values())]
    _, schemas = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sherpa client protocol: REST fallback",
            "version": f"{PROTOCOL_VERSION}.0.0",
            "description": "The session, its messages and their limits are those of the WebSocket (see the AsyncAPI"
            " document). For clients whose network blocks WebSockets.",
        },
        "servers": [{"url": "http://127.0.0.1:8765", "description": "sherpa-bridge serve"}],
        "paths": {
            FALLBACK_PATH: {"post": _create()},
            _SESSION_PATH: {"parameters": [_ID], "delete": _delete()},
            f"{_SESSION_PATH}/audio": {"parameters": [_ID], "post": _post_audio()},
            f"{_SESSION_PATH}/messages": {"parameters": [_ID], "post": _post_messages()},
            f"{_SESSION_PATH}/events": {"parameters": [_ID], "get": _get_events()},
        },
        "components": {
            "schemas": {**schemas, **_own_schemas()},
            "securitySchemes": {
                "client": {"type": "http", "scheme": "bearer", "description": "The client token, or a ticket."},
                "session": {"type": "http", "scheme": "bearer", "description": "The `token` of the session."},
            },
        },
    }


def _create() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/SessionOptions"}
    return {
        "operationId": "createSession",
        "summary": "Begin a session.",
        "security": [{"client": []}, {}],
        "requestBody": {"required": False, "content": {_JSON: {"schema": schema}}},
        "responses": {
            "201": {
                "description": "The session is being opened. Ask for its events.",
                "headers": {"Location": {"schema": {"type": "string"}}},
                "content": {_JSON: {"schema": {"$ref": "#/components/schemas/CreatedSession"}}},
            },
            **_refused(401, 408, 413, 415, 503),
        },
    }


def _delete() -> dict[str, Any]:
    done = {"description": "The session is over, or was over already."}
    return _for_session("deleteSession", "End the session.", {"204": done, **_refused(401)})


def _post_audio() -> dict[str, Any]:
    pcm = {"schema": {"type": "string", "format": "binary"}}
    base64 = {"schema": {"type": "object", "required": ["audio"], "properties": {"audio": {"type": "string"}}}}
    content = {"audio/pcm": pcm, "application/octet-stream": pcm, _JSON: base64}
    return _post("postAudio", "Send a chunk of speech: PCM16, little endian, mono, 24 kHz, whole samples.", content)


def _post_messages() -> dict[str, Any]:
    names = [message.struct.__name__ for message in CLIENT_MESSAGES.values()]
    one = {"anyOf": [*({"$ref": f"#/components/schemas/{name}"} for name in names), {"type": "object"}]}
    lines = {"schema": {"type": "string", "description": "Up to 1,000 messages, one per line."}}
    content = {_JSON: {"schema": one}, "application/x-ndjson": lines, "application/ndjson": lines}
    return _post("postMessages", "Send a message, or several. An invalid one is answered by an `error` event.", content)


def _post(operation: str, summary: str, content: Mapping[str, Any]) -> dict[str, Any]:
    taken = {
        "description": "The POST is taken, or was taken before.",
        "content": {_JSON: {"schema": {"type": "object", "required": ["next"], "properties": {"next": _COUNT}}}},
    }
    answers = {"202": taken, **_refused(401, 408, 409, 410, 413, 415, 429)}
    return {
        **_for_session(operation, summary, answers),
        "parameters": [_SEQ],
        "requestBody": {"required": True, "content": content},
    }


def _get_events() -> dict[str, Any]:
    events = {
        "description": "The events behind `after`; none if there was none in time.",
        "content": {
            _JSON: {"schema": {"$ref": "#/components/schemas/Events"}},
            "text/event-stream": {"schema": {"type": "string", "description": "`id` is `seq`, `data` the message."}},
        },
    }
    answers = {"200": events, **_refused(401, 410)}
    return {
        **_for_session("getEvents", "Ask for events: a long poll, or a stream.", answers),
        "parameters": [_AFTER, _WAIT, _LAST_EVENT_ID],
    }


def _for_session(operation: str, summary: str, answers: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "operationId": operation,
        "summary": summary,
        "security": [{"session": []}],
        "responses": {**answers, **_refused(503)},
    }


def _refused(*statuses: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    known = sorted({*statuses, *_ALWAYS})
    return {str(status): {"description": _REFUSALS[status], "content": content} for status in known}


def _own_schemas() -> dict[str, Any]:
    options = CLIENT_MESSAGES["create_session"].struct
    _, found = msgspec.json.schema_components([options], ref_template="#/components/schemas/{name}")
    fields = {name: schema for name, schema in found[options.__name__]["properties"].items() if name != "type"}
    codes = [*ERRORS, "NOT_FOUND", "METHOD_NOT_ALLOWED", "UNSUPPORTED_MEDIA_TYPE"]
    text, required = {"type": "string"}, ["sessionId", "token", "eventsUrl", "audioUrl", "messagesUrl"]
    event = {
        "type": "object",
        "required": ["seq", "message"],
        "properties": {"seq": _COUNT, "message": {"type": "object"}},
    }
    return {
        "SessionOptions": {"type": "object", "properties": fields},
        "CreatedSession": {"type": "object", "required": required, "properties": dict.fromkeys(required, text)},
        "Events": {
            "type": "object",
            "required": ["events", "next"],
            "properties": {"events": {"type": "array", "items": event}, "next": _COUNT},
        },
        "Problem": {
            "type": "object",
            "description": "RFC 9457. `code` is an error code of the client protocol, or one of HTTP.",
            "required": ["title", "status", "detail", "code"],
            "properties": {
                "type": text,
                "title": text,
                "status": {"type": "integer"},
                "detail": text,
                "code": {"type": "string", "enum": [str(code) for code in codes]},
                "expected": _COUNT,
            },
        },
    }
