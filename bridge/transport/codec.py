"""One side of an open WebSocket as a sans-I/O codec: bytes in, messages and bytes to write out.

The sans-I/O core of `websockets` encodes and checks frames. This module adds what that core leaves to its caller:
joining fragments within limits, checking UTF-8, matching pongs to pings, and one answer to how the connection ended.
`websocket.py` moves the bytes.

Theory of operation. `receive_data` parses what was read and puts whole messages into `messages`; replies that the
protocol demands (pongs, the echo of a Close, our Close after a violation) are queued for `data_to_send`. A violation is
never raised: it queues a Close frame with its code, and everything after it is ignored (RFC 6455 7.1.7). The caller
then writes what is queued, waits until `is_finished`, and asks `close_exception` how it ended.
"""

from __future__ import annotations

import logging
from codecs import getincrementaldecoder
from collections import deque
from typing import TYPE_CHECKING, Final, cast

from websockets.frames import EXTERNAL_CLOSE_CODES, Frame, Opcode
from websockets.protocol import Protocol, Side, State

from bridge.transport.link import LinkClosed

if TYPE_CHECKING:
    from codecs import IncrementalDecoder
    from collections.abc import Generator

#: The most frames that one message may come in. Without a limit, empty fragments would use memory forever.
MAX_FRAGMENTS: Final = 4096
#: The longest reason in a Close frame, in bytes of UTF-8 (RFC 6455 5.5: 125 bytes, two of them for the code).
MAX_REASON_BYTES: Final = 123

#: Close codes of RFC 6455 7.4.1, under the names that `websockets` uses.
NO_STATUS_RCVD, ABNORMAL_CLOSURE, INVALID_DATA, MESSAGE_TOO_BIG = 1005, 1006, 1007, 1009
_TEXT, _CONT, _PING, _PONG, _CLOSE = Opcode.TEXT, Opcode.CONT, Opcode.PING, Opcode.PONG, Opcode.CLOSE

#: Logs nothing, whatever the configuration: the core would log headers and frames, and with them keys and speech.
SILENT_LOGGER: Final = logging.Logger("silent", logging.CRITICAL + 1)  # noqa: LOG001 - no name, so nothing can enable it

_utf8_decoder = getincrementaldecoder("utf-8")


def is_sendable_close_code(code: int) -> bool:
    """Whether a Close frame may carry this code (RFC 6455 7.4). 1005, 1006 and 1015 are never sent."""
    return code in EXTERNAL_CLOSE_CODES or 3000 <= code < 5000  # noqa: PLR2004 - the ranges of RFC 6455 7.4.2


def truncate_reason(reason: str) -> str:
    """Shorten a close reason to MAX_REASON_BYTES, never inside a character."""
    return reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")


class _Core(Protocol):
    """The core of `websockets`, with two changes.

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

    def recv_frame(self, frame: Frame) -> None:
        """Handle one frame that the parser found."""
        if frame.opcode is _CLOSE:
            self.current_size = None  # no message is being received any more, so the core accepts the Close
        super().recv_frame(frame)


class Codec:
    """One side of a WebSocket after its handshake.

    After each `receive_data` and each `send_*`, write what `data_to_send` returns.
    """

    __slots__ = (
        "_core",
        "_decoder",
        "_end",
        "_fragments",
        "_max_fragments",
        "_pings",
        "control_frames_received",
        "last_answered_ping_at",
        "messages",
        "pings_received",
        "pongs_received",
    )

    def __init__(self, side: Side, *, max_size: int | None, max_fragments: int, defer_close: bool = False) -> None:
        """`max_size` is in bytes, None for no limit. `defer_close`: see `too_large_reason`."""
        self.messages: deque[str | bytes] = deque()
        """Whole messages, oldest first: text as `str`, binary as `bytes`."""
        self.control_frames_received = 0
        """Frames that are not a whole message: pings, pongs, closes, and fragments."""
        self.pings_received = 0
        self.pongs_received = 0
        self.last_answered_ping_at: float | None = None
        """When the ping was sent that the last matching pong answered, on the clock of `send_ping`."""
        self._core = _Core(side, state=State.OPEN, max_size=max_size, logger=SILENT_LOGGER)
        self._core.defer_close = defer_close
        self._max_fragments = max_fragments
        self._fragments: list[str | bytes] | None = None
        self._decoder: IncrementalDecoder | None = None
        self._pings: dict[bytes, float] = {}
        self._end: LinkClosed | None = None

    @property
    def is_open(self) -> bool:
        """No Close was sent or received, and the stream has not ended."""
        return self._core.state is State.OPEN

    @property
    def too_large_reason(self) -> str | None:
        """With `defer_close`, why a message was too large; no message follows it. None otherwise."""
        return self._core.too_large_reason

    @property
    def eof_received(self) -> bool:
        """Whether the stream has ended."""
        return self._core.reader.eof

    @property
    def is_finished(self) -> bool:
        """Nothing more will be read: the peer's Close came, it violated the protocol, or the stream ended.

        With `defer_close`, a message that was too large finishes the codec only after our Close was sent.
        """
        if self.is_open:  # with `defer_close`, the caller may still send
            return False
        core = self._core
        failed = core.parser_exc is not None or self._end is not None or core.too_large_reason is not None
        return failed or core.close_rcvd is not None or core.reader.eof

    @property
    def peer_violated_protocol(self) -> bool:
        """Whether we close because of what the peer sent."""
        return self._core.close_rcvd is None or self._core.parser_exc is not None

    @property
    def peer_closes_stream(self) -> bool:
        """Whether the peer closes the stream first: the server does (RFC 6455 7.1.1)."""
        return self._core.side is Side.CLIENT

    @property
    def pings_outstanding(self) -> int:
        """How many of our pings have no pong yet."""
        return len(self._pings)

    # Receiving

    def receive_data(self, data: bytes | bytearray) -> None:
        """Parse what was read from the stream; empty means that the stream ended.

        Whole messages are appended to `messages`, replies are queued for `data_to_send`. Raises nothing: a violation
        queues a Close frame.
        """
        core = self._core
        if data:
            core.receive_data(data)
        else:
            core.receive_eof()
        for event in core.events_received():
            frame = cast("Frame", event)  # after the handshake there are no other events
            if frame.opcode is _TEXT and frame.fin:
                self._receive_text(frame)
            else:
                self._receive_other(frame)
            if self._end is not None or self.too_large_reason is not None:
                return  # what follows a violation is ignored (RFC 6455 7.1.7)

    def _receive_text(self, frame: Frame) -> None:
        try:
            self.messages.append(str(frame.data, "utf-8"))
        except UnicodeDecodeError as error:
            self._fail(INVALID_DATA, f"{error.reason} at byte {error.start}")

    def _receive_other(self, frame: Frame) -> None:
        self.control_frames_received += frame.opcode is not Opcode.BINARY or not frame.fin
        if frame.opcode is _PING:
            self.pings_received += 1
        elif frame.opcode is _PONG:
            self._receive_pong(bytes(frame.data))
        elif frame.opcode is _CLOSE:
            self._fragments = None  # the core has answered the Close; an unfinished message is dropped
        elif frame.fin and frame.opcode is not _CONT:
            self.messages.append(bytes(frame.data))
        else:
            self._receive_fragment(frame)

    def _receive_fragment(self, frame: Frame) -> None:
        if frame.opcode is not _CONT:
            self._fragments = []
            self._decoder = _utf8_decoder() if frame.opcode is _TEXT else None
        if self._fragments is None:  # an earlier fragment of this message was refused
            return
        if len(self._fragments) >= self._max_fragments:
            self._fail(MESSAGE_TOO_BIG, f"more than {self._max_fragments} fragments")
            return
        try:
            part = self._decoder.decode(frame.data, frame.fin) if self._decoder else bytes(frame.data)
        except UnicodeDecodeError as error:
            self._fail(INVALID_DATA, f"{error.reason} in a fragment")
            return
        self._fragments.append(part)
        if frame.fin:
            self._join_fragments(self._fragments)

    def _join_fragments(self, fragments: list[str | bytes]) -> None:
        self._fragments = None
        if self._decoder:
            self.messages.append("".join(cast("list[str]", fragments)))
        else:
            self.messages.append(b"".join(cast("list[bytes]", fragments)))

    def _receive_pong(self, payload: bytes) -> None:
        """Count a pong. It answers its ping and every earlier one (RFC 6455 5.5.3)."""
        self.pongs_received += 1
        if payload not in self._pings:
            return
        self.last_answered_ping_at = self._pings[payload]
        sent = list(self._pings)
        for answered in sent[: sent.index(payload) + 1]:
            del self._pings[answered]

    def _fail(self, code: int, reason: str) -> None:
        """Close because of a violation that the core does not check."""
        self._fragments = None
        if self.is_open:
            self._core.fail(code, reason)
        if self._core.parser_exc is None and not self.is_open:  # else the core found a violation in the same bytes
            self._end = LinkClosed(code, reason, by_peer=False)

    # Sending

    @property
    def pending_bytes(self) -> int:
        """How many bytes `data_to_send` would return."""
        return sum(map(len, self._core.writes))

    def send_frame(self, opcode: Opcode, payload: bytes, *, last: bool = True) -> None:
        """Queue a frame; `last` is its FIN bit. Call it only while `is_open`."""
        self._core.send_frame(Frame(opcode, payload, last))

    def send_ping(self, payload: bytes, now: float) -> None:
        """Queue a ping that is sent at `now`. ValueError if the payload is longer than 125 bytes (RFC 6455 5.5)."""
        if len(payload) > MAX_REASON_BYTES + 2:
            raise ValueError("a ping carries at most 125 bytes")
        self._pings[payload] = now
        self.send_frame(_PING, payload)

    def send_raw(self, data: bytes) -> None:
        """Queue bytes unchanged. The codec does not check them: they may break the protocol on purpose."""
        self._core.writes.append(data)

    def send_close(self, code: int, reason: str) -> None:
        """Queue our Close frame; 1005 makes one without a code. Call it only while `is_open`."""
        self._core.send_close(*(() if code == NO_STATUS_RCVD else (code, truncate_reason(reason))))

    def data_to_send(self) -> bytes:
        """Return everything that is queued, and empty the queue."""
        writes = self._core.data_to_send()
        return writes[0] if len(writes) == 1 else b"".join(writes)

    # The end

    def close_exception(self) -> LinkClosed:
        """Return how the connection ended. Call it only after a Close was sent or received, or the stream ended.

        Until `is_finished`, the code is None: we sent a Close, and how the peer answers it is not known yet.
        """
        return self._end or self._end_by_core()

    def _end_by_core(self) -> LinkClosed:
        core = self._core
        violation = core.parser_exc if not isinstance(core.parser_exc, EOFError) else None
        if (violation is not None or core.too_large_reason is not None) and core.close_sent is not None:
            end = LinkClosed(int(core.close_sent.code), core.close_sent.reason, by_peer=False)
            end.__cause__ = violation
            return end
        by_peer = core.close_sent is None or core.close_rcvd_then_sent is True
        if core.close_rcvd is None:
            return LinkClosed(ABNORMAL_CLOSURE if core.reader.eof else None, by_peer=by_peer)
        return LinkClosed(int(core.close_rcvd.code), core.close_rcvd.reason, by_peer=by_peer)
