"""The interface of a connection that carries messages: send, receive, close, and how it ended.

No I/O here. `websocket.py` implements the pulling side, `push_link.py` the pushing one, with the carriers of
`carriers.py`; `memory.py` joins two links without a network.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

Headers = tuple[tuple[str, str], ...]
"""Header lines as (name, value), in order. Names are in lower case where they were received."""


@runtime_checkable
class Link(Protocol):
    """One connection that carries whole messages in both directions. Text is `str`, binary is `bytes`."""

    @property
    def peer(self) -> str:
        """The address of the other end, for logs: `127.0.0.1:51234`."""
        ...

    async def receive(self) -> str | bytes:
        """Wait for the next message. Raises LinkClosed at the end. Cancelling loses nothing."""
        ...

    async def send_text(self, data: str | bytes) -> None:
        """Send one text message; `bytes` must be UTF-8. Raises LinkClosed. Cancelling a write breaks the link."""
        ...

    async def send_binary(self, data: bytes) -> None:
        """Send one binary message. Raises, and breaks when cancelled, as `send_text` does."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a Close frame, within a bounded time. Closing twice does nothing. Cancelling closes at once."""
        ...

    async def abort(self) -> None:
        """Close at once without a Close frame, as a crash does. Never blocks."""
        ...


class MessageHandler(Protocol):
    """The owner of a link. Its methods may send and pause; they must not block. `link.now` is when the message came."""

    def on_text(self, data: bytes) -> None:
        """Take a text message, in UTF-8 that was checked."""
        ...

    def on_binary(self, data: bytes) -> None:
        """Take a binary message."""
        ...

    def on_control_frames(self, frames: int) -> None:
        """Take note of frames that are no whole message: pings, pongs, fragments. They cost time too."""
        ...

    def on_too_large(self, reason: str) -> None:
        """Take note that the peer sends a message that is too large (links with `defer_close`). Nothing follows."""
        ...


class Carrier(Protocol):
    """Moves the bytes of one link while it runs."""

    async def run(self) -> None:
        """Carry until the link has ended (`PushLink.ended`). Cancelling stops soon and loses nothing.

        Begins with what the link has to write and with one `cut`: a run before this one may have left something.
        """
        ...

    def flush_soon(self) -> None:
        """Write what waits in the link as soon as possible. Never blocks."""
        ...

    def pause(self) -> None:
        """Read nothing until `resume`."""
        ...

    def resume(self) -> None:
        """Read again, first what is there already."""
        ...

    def stop(self) -> None:
        """Touch the stream no more, from now on: it is going to be closed. `run` returns."""
        ...


class LinkClosed(Exception):  # noqa: N818 - an end is not always an error
    """The connection is closed.

    `code` is that of the peer's Close frame: 1005 if the frame had none, 1006 if the stream ended without a Close
    frame, None if our side closed without one. After a violation by the peer, it is the code that we closed with.
    `by_peer` says who closed first.
    """

    def __init__(self, code: int | None, reason: str = "", *, by_peer: bool) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.by_peer = by_peer

    def copy(self) -> LinkClosed:
        """Return an equal exception for another task to raise: one instance raised in two tasks mixes tracebacks."""
        copy = LinkClosed(self.code, self.reason, by_peer=self.by_peer)
        copy.__cause__ = self.__cause__
        return copy

    def __str__(self) -> str:
        who = "the peer" if self.by_peer else "our side"
        return f"closed by {who}: {self.code if self.code is not None else 'no code'} {self.reason}".rstrip()


class MessageTooLarge(Exception):  # noqa: N818 - it says what the peer did; the link still works
    """The peer sends a message that is larger than the limit. Nothing more will be read from this link.

    Only a link with `defer_close` raises it. The link can still send; the reader must close it.
    """


class HandshakeRefused(Exception):  # noqa: N818 - an answer of the server, not a fault
    """The server answered the upgrade with another status than 101. The body is cut at 64 KiB."""

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body

    def __str__(self) -> str:
        return f"the server answered HTTP {self.status} instead of opening a WebSocket"
