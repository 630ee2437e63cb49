"""What a message connection looks like to everybody above the network: send, receive, close, and how it ended.

No I/O stands here. `websocket.py` is the real thing, `memory.py` joins two of them without a network.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

Headers = tuple[tuple[str, str], ...]
"""Header lines in the order they came; names in lower case."""


@runtime_checkable
class Link(Protocol):
    """One connection that carries whole messages both ways. Text is `str`, binary is `bytes`."""

    @property
    def peer(self) -> str:
        """Who is at the other end, for people to read: `127.0.0.1:51234`."""
        ...

    async def receive(self) -> str | bytes:
        """Wait for the next message. Raises LinkClosed at the end; cancelling loses nothing."""
        ...

    async def send_text(self, data: str | bytes) -> None:
        """Send one text message; `bytes` must be UTF-8 already. Raises LinkClosed; cancelled half-way it breaks."""
        ...

    async def send_binary(self, data: bytes) -> None:
        """Send one binary message; raises and breaks as `send_text` does."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye and let go, within a bounded time. Closing twice is fine; cancelling closes at once."""
        ...

    async def abort(self) -> None:
        """Let go without a word, as a crash would. Never blocks."""
        ...


class LinkClosed(Exception):  # noqa: N818 - an end is not always an error
    """The connection is over.

    `code` is what the Close frame said; 1005: it said nothing; 1006: the stream ended without one;
    None: our own side let go without one. After a violation by the peer it is the code we closed with.
    """

    def __init__(self, code: int | None, reason: str = "", *, by_peer: bool) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.by_peer = by_peer

    def copy(self) -> LinkClosed:
        """Give the same end for another task to raise: one instance raised in two would mix their tracebacks."""
        fresh = LinkClosed(self.code, self.reason, by_peer=self.by_peer)
        fresh.__cause__ = self.__cause__
        return fresh

    def __str__(self) -> str:
        who = "the peer" if self.by_peer else "our side"
        return f"closed by {who}: {self.code if self.code is not None else 'no code'} {self.reason}".rstrip()


class MessageTooLarge(Exception):  # noqa: N818 - what the peer did; the link itself is well
    """The peer sends a message beyond the limit; the text says how far. Nothing more will be read of this link.

    Only a link that was made `patient` raises it: it can still send, and whoever reads is the one to close it.
    """


class HandshakeRefused(Exception):  # noqa: N818 - the server's answer, as it stands
    """The server answered the upgrade with something else than 101. The body is cut at 64 KiB."""

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body

    def __str__(self) -> str:
        return f"the server answered HTTP {self.status} instead of opening a WebSocket"
