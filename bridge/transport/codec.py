"""One side of an open WebSocket as a sans-I/O codec: bytes in, messages and bytes to write out.

Theory of operation. Nearly every frame is a whole message of a few kilobytes, and takes the short way of
`frame_cutter.py`. All others go through the sans-I/O core of `websockets`, which alone judges what is legal.

This module adds what that core leaves to its caller: joining fragments within limits, checking UTF-8, matching pongs to
pings, and one answer to how the connection ended. Replies that the protocol demands (pongs, the echo of a Close, our
Close after a violation) are queued for `data_to_send`. A violation is never raised: it queues a Close frame with its
code, and everything after it is ignored (RFC 6455 7.1.7). The caller then writes what is queued, waits until
`is_finished`, and asks `close_exception` how it ended.

`websocket.py` and `push_link.py` move the bytes.
"""

from __future__ import annotations

from collections import deque
from sys import maxsize
from typing import TYPE_CHECKING, Final, cast

from websockets.frames import EXTERNAL_CLOSE_CODES, Frame, Opcode
from websockets.protocol import Side, State

from bridge.transport.fragments import Fragments, FragmentsRefused
from bridge.transport.frame_cutter import FrameCutter
from bridge.transport.frame_parser import INVALID_DATA, NO_STATUS_RCVD, SILENT_LOGGER, FrameParser
from bridge.transport.link import LinkClosed

if TYPE_CHECKING:
    from collections.abc import Callable

#: The longest reason in a Close frame, in bytes of UTF-8 (RFC 6455 5.5: 125 bytes, two of them for the code).
MAX_REASON_BYTES: Final = 123

_TEXT, _CONT, _PING, _PONG, _CLOSE = Opcode.TEXT, Opcode.CONT, Opcode.PING, Opcode.PONG, Opcode.CLOSE
_MESSAGES = (Opcode.TEXT, Opcode.BINARY)


def is_sendable_close_code(code: int) -> bool:
    """Whether a Close frame may carry this code (RFC 6455 7.4). 1005, 1006 and 1015 are never sent."""
    return code in EXTERNAL_CLOSE_CODES or 3000 <= code < 5000  # noqa: PLR2004 - the ranges of RFC 6455 7.4.2


def truncate_reason(reason: str) -> str:
    """Shorten a close reason to MAX_REASON_BYTES, never inside a character."""
    return reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")


def _nothing() -> None:
    """Do nothing."""


class Codec(FrameCutter):
    """One side of a WebSocket after its handshake.

    After each `receive_data`, `cut` and `send_*`, write what `data_to_send` returns.
    """

    __slots__ = (
        "_core",
        "_end",
        "_fragments",
        "_pings",
        "control_frames_received",
        "last_answered_ping_at",
        "messages",
        "on_ping",
        "pings_received",
        "pongs_received",
        "took_long_way",
    )

    def __init__(self, side: Side, *, max_size: int | None, max_fragments: int, defer_close: bool = False) -> None:
        """`max_size` is in bytes, None for no limit. `defer_close`: see `too_large_reason`."""
        super().__init__(side, max_size)
        self.messages: deque[str | bytes] = deque()
        """Whole messages, oldest first: text as `str`, binary as `bytes`. Or `on_text` and `on_binary` take them."""
        self.on_text: Callable[[bytes], None]
        """Called with each text message, in UTF-8 that was checked."""
        self.on_binary: Callable[[bytes], None]
        """Called with each binary message."""
        self.on_ping: Callable[[], None]
        """Called with each ping, once its pong is queued: what is sent from now on comes after the pong."""
        self.keep_messages()
        self.control_frames_received = 0
        """Frames that are not a whole message: pings, pongs, closes, and fragments."""
        self.pings_received = 0
        self.pongs_received = 0
        self.last_answered_ping_at: float | None = None
        """When the ping was sent that the last matching pong answered, on the clock of `send_ping`."""
        self.took_long_way = False
        """Whether anything but short messages came in: then look at everything else that this class tells."""
        self._core = FrameParser(side, state=State.OPEN, max_size=max_size, logger=SILENT_LOGGER)
        self._core.defer_close = defer_close
        self._fragments = Fragments(max_fragments)
        self._pings: dict[bytes, float] = {}
        self._end: LinkClosed | None = None

    @property
    def is_open(self) -> bool:
        """No Close was sent or received, and the stream has not ended."""
        return self._core.state is State.OPEN

    @property
    def is_server(self) -> bool:
        """Whether this is the server's side: it reads masked frames and writes plain ones (RFC 6455 5.1)."""
        return self._mask_bit != 0

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
        return self._reads_no_more or self._core.reader.eof

    @property
    def is_in_large_message(self) -> bool:
        """Whether a part was read of a message that does not come in one short frame."""
        return not self._takes_short_way and self.is_open

    @property
    def _reads_no_more(self) -> bool:
        """Whether what still comes is ignored."""
        core = self._core
        failed = core.parser_exc is not None or self._end is not None or core.too_large_reason is not None
        return failed or core.close_rcvd is not None

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

    def receive_data(self, data: bytes | bytearray, max_frames: int = maxsize) -> bool:
        """Take what was read from the stream, and cut it into frames; empty means that the stream ended.

        Whole messages go to `on_text` and `on_binary`, replies are queued for `data_to_send`. Raises nothing of its
        own: a violation queues a Close frame. Returns whether frames may be left because of `max_frames` or `stop`:
        then call `cut` before you read on.
        """
        if data:
            self._rest = self._rest + data if self._rest else bytes(data)
            return self.cut(max_frames)
        rest, self._rest = self._rest, b""
        if rest:
            self._take_long_way(rest)
        self._core.receive_eof()
        self._handle_frames()
        return False

    def keep_messages(self) -> None:
        """Call nobody any more: `messages` takes the messages, as at first."""
        messages = self.messages  # no method of ours: a cycle of references would leave us to the garbage collector
        self.on_text = lambda payload: messages.append(payload.decode())
        self.on_binary, self.on_ping = messages.append, _nothing

    def _is_utf8(self, payload: bytes) -> bool:
        try:
            payload.decode()
        except UnicodeDecodeError as error:
            self._fail(INVALID_DATA, f"{error.reason} at byte {error.start}")
            return False
        return True

    # The long way

    def _take_long_way(self, data: bytes) -> None:
        self._core.receive_data(data)
        self._handle_frames()

    def _handle_frames(self) -> None:
        """Do what follows from the bytes that the core took: one frame of ours, or a violation, or nothing yet."""
        core = self._core
        self.took_long_way = True
        between_messages = core.current_size is None and not self._long_left
        self._takes_short_way = core.state is State.OPEN and core.too_large_reason is None and between_messages
        if self._reads_no_more:
            self._long_left = maxsize
        for event in core.events_received():
            if self._end is not None:
                return  # what follows a violation is ignored (RFC 6455 7.1.7)
            self._handle(cast("Frame", event))  # after the handshake there are no other events

    def _handle(self, frame: Frame) -> None:
        is_message = frame.fin and frame.opcode in _MESSAGES
        self.control_frames_received += not is_message
        if is_message:
            self._hand_over(bytes(frame.data), is_text=frame.opcode is _TEXT)
        elif frame.opcode is _PING:
            self.pings_received += 1
            self.on_ping()
        elif frame.opcode is _PONG:
            self._receive_pong(bytes(frame.data))
        elif frame.opcode is _CLOSE:
            self._fragments.drop()  # the core has answered the Close; an unfinished message is dropped
        else:
            self._receive_fragment(frame)

    def _hand_over(self, payload: bytes, *, is_text: bool) -> None:
        if not is_text:
            self.on_binary(payload)
        elif payload.isascii() or self._is_utf8(payload):
            self.on_text(payload)

    def _receive_fragment(self, frame: Frame) -> None:
        try:
            message = self._fragments.add(frame)
        except FragmentsRefused as refused:
            self._fail(refused.code, refused.reason)
            return
        if message is None:
            return
        if self._fragments.is_text:
            self.on_text(message)
        else:
            self.on_binary(message)

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
        self._fragments.drop()
        self._takes_short_way, self._long_left, self.took_long_way = False, maxsize, True
        if self.is_open:
            self._core.fail(code, reason)
        if not self.is_open:  # with `defer_close`, it is until our Close is sent
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

    def send_first(self, data: bytes) -> None:
        """Queue bytes before everything that is queued: the rest of what was taken out to be written."""
        self._core.writes.insert(0, data)

    def send_close(self, code: int, reason: str) -> None:
        """Queue our Close frame; 1005 makes one without a code. Call it only while `is_open`."""
        self._takes_short_way = False
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
        return self._end or self._core.end()
