"""Bytes to messages and back: one side of an open WebSocket, without I/O.

Frames are coded and checked by the sans-I/O core of `websockets`. This adds what that core leaves to its shells:
joining fragments within bounds, checking UTF-8, matching pongs to pings, and the one verdict on how it all ended.
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

#: The most frames one message may come in. Without a bound, empty fragments cost memory for ever.
MAX_FRAGMENTS: Final = 4096
#: What a Close frame may carry as a reason, in UTF-8 (RFC 6455 5.5: 125 bytes, two of them the code).
MAX_REASON_BYTES: Final = 123

NO_STATUS_RCVD, ABNORMAL_CLOSURE, INVALID_DATA, MESSAGE_TOO_BIG = 1005, 1006, 1007, 1009
_TEXT, _CONT, _PING, _PONG, _CLOSE = Opcode.TEXT, Opcode.CONT, Opcode.PING, Opcode.PONG, Opcode.CLOSE

#: A level above all others, and no handler: the core would log headers and frames, keys and speech among them.
SILENT_LOGGER: Final = logging.Logger("silent", logging.CRITICAL + 1)  # noqa: LOG001 - so that nobody can turn it on by name

_utf8_decoder = getincrementaldecoder("utf-8")


def is_sendable_close_code(code: int) -> bool:
    """Whether a Close frame may carry this code (RFC 6455 7.4); 1005, 1006 and 1015 are never on the wire."""
    return code in EXTERNAL_CLOSE_CODES or 3000 <= code < 5000  # noqa: PLR2004 - the ranges of RFC 6455 7.4.2


def truncate_reason(reason: str) -> str:
    """Cut a close reason to what fits, never within a character."""
    return reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")


class _Core(Protocol):
    """The core, but that the peer may close between the fragments of a message: control frames may stand there.

    RFC 6455 5.4 and 5.5. The original answers such a Close with 1002. Of the message there will be no more.
    A patient one stays open when a message is too long, for whoever wants to say something before the Close frame.
    """

    patient = False
    overlong: str | None = None
    """Why a message was too long, once it was; nothing is read behind it."""

    def fail(self, code: int, reason: str = "") -> None:
        """Close for a violation, or only stop reading."""
        if self.patient and code == MESSAGE_TOO_BIG and self.state is State.OPEN:
            self.overlong = reason
            self.parser = self._forget()
            next(self.parser)
        else:
            super().fail(code, reason)

    def _forget(self) -> Generator[None]:
        """Take what comes for nothing, up to the end of the stream."""
        while not (yield from self.reader.at_eof()):
            self.reader.discard()
        self.state = State.CLOSED
        yield

    def recv_frame(self, frame: Frame) -> None:
        """Take one frame, as the core's parser found it."""
        if frame.opcode is _CLOSE:
            self.current_size = None
        super().recv_frame(frame)


class Codec:
    """One side of a WebSocket after its handshake. Feed it what was read, write what `take_writes` gives."""

    __slots__ = (
        "_core",
        "_decoder",
        "_end",
        "_max_fragments",
        "_parts",
        "_pings",
        "control_frames_received",
        "last_answered_ping_at",
        "messages",
        "pings_received",
        "pongs_received",
    )

    def __init__(self, side: Side, *, max_size: int | None, max_fragments: int, defer_close: bool = False) -> None:
        self.messages: deque[str | bytes] = deque()
        """Whole messages, first come first."""
        self.control_frames_received = 0
        """Frames that are no message by themselves: pings, pongs, fragments."""
        self.pings_received = 0
        self.pongs_received = 0
        self.last_answered_ping_at: float | None = None
        """When the ping was sent that the last matching pong answers."""
        self._core = _Core(side, state=State.OPEN, max_size=max_size, logger=SILENT_LOGGER)
        self._core.patient = defer_close
        self._max_fragments = max_fragments
        self._parts: list[str | bytes] | None = None
        self._decoder: IncrementalDecoder | None = None
        self._pings: dict[bytes, float] = {}
        self._end: LinkClosed | None = None

    @property
    def is_open(self) -> bool:
        """No Close went either way, and the stream has not ended."""
        return self._core.state is State.OPEN

    @property
    def too_large_reason(self) -> str | None:
        """Why a message was too long, where that does not close; no message comes behind it."""
        return self._core.overlong

    @property
    def eof_received(self) -> bool:
        """The end of the stream was fed."""
        return self._core.reader.eof

    @property
    def is_finished(self) -> bool:
        """Nothing more is to be read: the peer's Close came, it broke the protocol, or the stream ended.

        Behind a message that was too long nothing is read either, once our Close has said so.
        """
        if self.is_open:  # a patient side still has something to say about what was too long
            return False
        core = self._core
        broken = core.parser_exc is not None or self._end is not None or core.overlong is not None
        return broken or core.close_rcvd is not None or core.reader.eof

    @property
    def peer_violated_protocol(self) -> bool:
        """Whether we close because of what the peer sent."""
        return self._core.close_rcvd is None or self._core.parser_exc is not None

    @property
    def peer_closes_stream(self) -> bool:
        """Whether the stream is the peer's to close: the server does it first (RFC 6455 7.1.1)."""
        return self._core.side is Side.CLIENT

    @property
    def pings_outstanding(self) -> int:
        """How many of our pings wait for their pong."""
        return len(self._pings)

    # In

    def receive_data(self, data: bytes | bytearray) -> None:
        """Take what was read, empty at the end of the stream. Messages go to `ready`, answers to the writes."""
        core = self._core
        if data:
            core.receive_data(data)
        else:
            core.receive_eof()
        for event in core.events_received():
            frame = cast("Frame", event)  # after the handshake there are no other events
            if frame.opcode is _TEXT and frame.fin:
                self._take_text(frame)
            else:
                self._take_other(frame)
            if (
                self._end is not None or self.too_large_reason is not None
            ):  # nothing behind it is looked at (RFC 6455 7.1.7)
                return

    def _take_text(self, frame: Frame) -> None:
        try:
            self.messages.append(str(frame.data, "utf-8"))
        except UnicodeDecodeError as error:
            self._fail(INVALID_DATA, f"{error.reason} at byte {error.start}")

    def _take_other(self, frame: Frame) -> None:
        self.control_frames_received += frame.opcode is not Opcode.BINARY or not frame.fin
        if frame.opcode is _PING:
            self.pings_received += 1
        elif frame.opcode is _PONG:
            self._take_pong(bytes(frame.data))
        elif frame.opcode is _CLOSE:
            self._parts = None  # the core has answered it; a message that was cut off stays unread
        elif frame.fin and frame.opcode is not _CONT:
            self.messages.append(bytes(frame.data))
        else:
            self._take_part(frame)

    def _take_part(self, frame: Frame) -> None:
        if frame.opcode is not _CONT:
            self._parts = []
            self._decoder = _utf8_decoder() if frame.opcode is _TEXT else None
        if self._parts is None:  # what follows a part that was refused
            return
        if len(self._parts) >= self._max_fragments:
            self._fail(MESSAGE_TOO_BIG, f"more than {self._max_fragments} fragments")
            return
        try:
            part = self._decoder.decode(frame.data, frame.fin) if self._decoder else bytes(frame.data)
        except UnicodeDecodeError as error:
            self._fail(INVALID_DATA, f"{error.reason} in a fragment")
            return
        self._parts.append(part)
        if frame.fin:
            self._join_parts(self._parts)

    def _join_parts(self, parts: list[str | bytes]) -> None:
        self._parts = None
        if self._decoder:
            self.messages.append("".join(cast("list[str]", parts)))
        else:
            self.messages.append(b"".join(cast("list[bytes]", parts)))

    def _take_pong(self, payload: bytes) -> None:
        """Count a pong; it answers its ping and every ping before it (RFC 6455 5.5.3)."""
        self.pongs_received += 1
        if payload not in self._pings:
            return
        self.last_answered_ping_at = self._pings[payload]
        for earlier in list(self._pings):
            del self._pings[earlier]
            if earlier == payload:
                return

    def _fail(self, code: int, reason: str) -> None:
        """Close for a violation that the core leaves to us."""
        self._parts = None
        if self.is_open:
            self._core.fail(code, reason)
        if self._core.parser_exc is None and not self.is_open:  # else the core found another one in the same bytes
            self._end = LinkClosed(code, reason, by_peer=False)

    # Out

    @property
    def pending_bytes(self) -> int:
        """Bytes that wait to be written."""
        return sum(map(len, self._core.writes))

    def send_frame(self, opcode: Opcode, payload: bytes, *, last: bool = True) -> None:
        """Add a frame to the writes. Only while `is_open`."""
        self._core.send_frame(Frame(opcode, payload, last))

    def send_ping(self, payload: bytes, now: float) -> None:
        """Add a ping, sent at `now`. ValueError when the payload is longer than a control frame may be."""
        if len(payload) > MAX_REASON_BYTES + 2:
            raise ValueError("a ping carries at most 125 bytes")
        self._pings[payload] = now
        self.send_frame(_PING, payload)

    def send_raw(self, data: bytes) -> None:
        """Add bytes as they are."""
        self._core.writes.append(data)

    def send_close(self, code: int, reason: str) -> None:
        """Add our Close frame; 1005 gives one without a code. Only while `is_open`."""
        self._core.send_close(*(() if code == NO_STATUS_RCVD else (code, truncate_reason(reason))))

    def data_to_send(self) -> bytes:
        """Hand over everything that waits to be written."""
        writes = self._core.data_to_send()
        return writes[0] if len(writes) == 1 else b"".join(writes)

    # The end

    def close_exception(self) -> LinkClosed:
        """Say how it ended; only once a Close went either way or the stream ended."""
        if self._end is None:
            self._end = self._core_verdict()
        return self._end

    def _core_verdict(self) -> LinkClosed:
        core = self._core
        violation = core.parser_exc if not isinstance(core.parser_exc, EOFError) else None
        if (violation is not None or core.overlong is not None) and core.close_sent is not None:
            end = LinkClosed(int(core.close_sent.code), core.close_sent.reason, by_peer=False)
            end.__cause__ = violation
            return end
        by_peer = core.close_sent is None or core.close_rcvd_then_sent is True
        if core.close_rcvd is None:
            return LinkClosed(ABNORMAL_CLOSURE, by_peer=by_peer)
        return LinkClosed(int(core.close_rcvd.code), core.close_rcvd.reason, by_peer=by_peer)
