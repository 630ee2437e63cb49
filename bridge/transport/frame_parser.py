"""The frame parser of `websockets`, changed where RFC 6455 or `codec.py`, its only user, asks for something else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, State

from bridge.transport.link import LinkClosed

if TYPE_CHECKING:
    from collections.abc import Generator

#: Close codes of RFC 6455 7.4.1, under the names that `websockets` uses.
NO_STATUS_RCVD: Final = 1005
ABNORMAL_CLOSURE: Final = 1006
INVALID_DATA: Final = 1007
MESSAGE_TOO_BIG: Final = 1009

#: Logs nothing, whatever the configuration: the core would log headers and frames, and with them keys and speech.
SILENT_LOGGER: Final = logging.Logger("silent", logging.CRITICAL + 1)  # noqa: LOG001 - no name, so nothing can enable it


class FrameParser(Protocol):
    """The sans-I/O core of `websockets`, with two changes.

    A Close between the fragments of a message is legal (RFC 6455 5.4, 5.5) and ends the message. The original answers
    it with 1002. With `defer_close`, a message that is too large does not close the connection: the core only stops
    reading, so that the caller can send something before it closes.
    """

    defer_close = False
    too_large_reason: str | None = None
    """Why a message was too large. Nothing after it is read."""

    def fail(self, code: int, reason: str = "") -> None:
        """Close because of a violation, or only stop reading."""
        if self.defer_close and code == MESSAGE_TOO_BIG and self.state is State.OPEN:
            self.too_large_reason = reason
            self.parser = self._discard_input()
            next(self.parser)
        else:
            super().fail(code, reason)

    def _discard_input(self) -> Generator[None]:
        """Replace the parser: drop everything up to the end of the stream."""
        while not (yield from self.reader.at_eof()):
            self.reader.discard()
        self.state = State.CLOSED
        yield

    def receive_data(self, data: bytes | bytearray) -> None:
        """Parse what was read."""
        super().receive_data(data)
        self._free_frames()

    def receive_eof(self) -> None:
        """Note the end of the stream."""
        super().receive_eof()
        self._free_frames()

    def _free_frames(self) -> None:
        """Let go of the stack frames of an exception: they refer to us, and such a cycle is left to the collector."""
        if self.parser_exc is not None:
            self.parser_exc.__traceback__ = None

    def recv_frame(self, frame: Frame) -> None:
        """Handle one frame that the parser found."""
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None  # no message is being received any more, so the core accepts the Close
        super().recv_frame(frame)

    def end(self) -> LinkClosed:
        """Return how the connection ended; the code is None if we sent a Close and nothing is known of the peer's."""
        violation = self.parser_exc if not isinstance(self.parser_exc, EOFError) else None
        if (violation is not None or self.too_large_reason is not None) and self.close_sent is not None:
            end = LinkClosed(int(self.close_sent.code), self.close_sent.reason, by_peer=False)
            end.__cause__ = violation
            return end
        by_peer = self.close_sent is None or self.close_rcvd_then_sent is True
        if self.close_rcvd is None:
            return LinkClosed(ABNORMAL_CLOSURE if self.reader.eof else None, by_peer=by_peer)
        return LinkClosed(int(self.close_rcvd.code), self.close_rcvd.reason, by_peer=by_peer)
