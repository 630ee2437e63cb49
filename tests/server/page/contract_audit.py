"""Whether a client keeps the client protocol, judged from what both sides said on its connections. Pure.

The counterpart of the conformance suite, which judges bridges: here the bridge is a script, and the client is judged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.client_protocol.client import MessageReceived, ProtocolClient, ReportedState
from bridge.client_protocol.messages import decode_client_message, is_native

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: After about a second `create_session` answers a NO_SESSION_EXISTS; browsers' timers may be some ms early.
_ASK_AGAIN_SECONDS = 0.98
_WITHOUT_SESSION = frozenset({"create_session", "ping", "end_session"})


@dataclass(frozen=True, slots=True)
class Said:
    """One frame, and who said it when on which connection, as the client's own socket saw it: in that order."""

    at: float
    connection: int
    by_client: bool
    frame: str | bytes


@dataclass(slots=True)
class _Connection:
    """What a connection has come to."""

    bridge: ProtocolClient = field(default_factory=ProtocolClient)
    """What the client may know of its session."""
    asked: bool = False
    ended: bool = False
    """Whether the session was closed on purpose."""


def broken_rules(log: Sequence[Said]) -> list[str]:
    """Return what the client did that the protocol forbids, in order; nothing for a client that keeps it."""
    audit = _Audit()
    return [broken for one in log for broken in audit.take(one)]


@dataclass(slots=True)
class _Audit:
    connections: dict[int, _Connection] = field(default_factory=dict)
    not_before: float = 0.0
    """When `create_session` may come at the earliest, after an error that says so."""
    given_up: bool = False
    """Whether an error said that no try can help."""

    def take(self, said: Said) -> Iterator[str]:
        connection = self.connections.setdefault(said.connection, _Connection())
        if not said.by_client:
            self._hear(connection, said)
        elif isinstance(said.frame, bytes):
            if not said.frame or len(said.frame) % 2:
                yield f"a binary frame of {len(said.frame)} bytes"
            yield from self._sent(connection, said, "audio")
        else:
            yield from self._text(connection, said, said.frame)

    def _hear(self, connection: _Connection, said: Said) -> None:
        event = connection.bridge.receive(said.frame)
        if not isinstance(event, MessageReceived):
            return
        if event.type == "session_closed" and event.ends_session and event.fields.get("reason") != "draining":
            connection.ended = True
        if event.type == "error":
            if (
                event.fields.get("code") == "NO_SESSION_EXISTS" and connection.asked
            ):  # of many at once, the first counts
                connection.asked, self.not_before = False, said.at + _ASK_AGAIN_SECONDS
            if event.ends_session:
                connection.asked = False
                self.given_up = self.given_up or event.fields.get("retryable") is not True
                self.not_before = said.at + float(event.detail.get("retryAfterMs", 0)) / 1000

    def _text(self, connection: _Connection, said: Said, text: str) -> Iterator[str]:
        try:
            body: dict[str, Any] = json.loads(text)
            kind = body["type"]
            if not is_native(kind):
                decode_client_message(body)
        except (ValueError, KeyError, TypeError) as error:
            yield f"no message of the protocol: {error}: {text[:80]}"
            return
        yield from self._sent(connection, said, kind)

    def _sent(self, connection: _Connection, said: Said, kind: str) -> Iterator[str]:
        live = connection.bridge.state in (ReportedState.READY, ReportedState.RECONNECTING)
        if self.given_up:
            yield f"{kind} after an error that no try can mend"
        if connection.ended:
            yield f"{kind} after the session was closed"
        if kind == "create_session":
            if live:
                yield "create_session while there is a session"
            if connection.asked:
                yield "create_session again while it is being opened"
            if said.at < self.not_before:
                yield f"create_session {self.not_before - said.at:.2f} s too early"
            connection.asked = True
        elif not connection.asked:
            yield f"{kind} before create_session"
        elif not live and kind not in _WITHOUT_SESSION:
            yield f"{kind} before there is a session"
