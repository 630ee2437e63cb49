"""Where rendered log lines go: three ways to write to a stream, none of which raises.

`StreamWriter` writes at once and may wait; it is for tests and short commands. `BackgroundWriter` is for a process that
serves clients: it never waits, whatever reads the stream. `ReadyWriter` never waits either and needs no thread; it is
for the parent of worker processes, which forks and logs a line now and then.

No writer decides what a line says. Lines that can't be written are counted, and the count is told in a line as soon as
the stream takes lines again.
"""

from __future__ import annotations

import select
import threading
from collections import deque
from os import write
from typing import TYPE_CHECKING, Final, Protocol, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes of lines that wait for the stream: some 3,000 lines, which is several seconds of a busy worker. A reader that
#: pauses for longer gets a count; waiting lines must not add to the memory of a worker that is in trouble already.
MAX_WAITING_BYTES: Final = 1 << 20
#: Dropped lines are told once the queue is half empty, so that a slow reader gets one count and not one per line.
_ROOM_BYTES: Final = MAX_WAITING_BYTES // 2
#: Lines are written in pieces of at most this size (PIPE_BUF on Linux): worker processes share the pipe, and only
#: pieces up to here arrive whole. A longer line is a piece of its own.
_PIECE_BYTES: Final = 4096
#: The longest time that the end of a process waits for its last lines.
_CLOSE_SECONDS: Final = 1.0


class LogWriter(Protocol):
    """Takes rendered lines."""

    dropped: int
    """Lines that were dropped so far, told or not."""

    def write(self, line: str) -> None:
        """Write a line, which ends with a line feed, or drop it. Never raises."""


class StreamWriter:
    """Writes each line at once, and waits until the stream has taken it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.dropped = 0

    def write(self, line: str) -> None:
        """Write and flush the line in one piece; it is dropped if the stream is full or closed."""
        try:
            self._stream.write(line)
            self._stream.flush()
        except (OSError, ValueError):  # the disk is full, the stream closed, or its encoding lacks a character
            self.dropped += 1


class ReadyWriter:
    """Writes a line if the stream takes it without waiting, else drops it.

    A pipe that is ready takes at least PIPE_BUF bytes, so longer lines could wait: they are dropped too.
    """

    def __init__(self, descriptor: int, tell_dropped: Callable[[int], str]) -> None:
        """`tell_dropped` renders the line about a number of dropped lines."""
        self._descriptor, self._tell_dropped = descriptor, tell_dropped
        self.dropped = 0
        self._untold = 0

    def write(self, line: str) -> None:
        """Write the line now or never."""
        if self._untold and self._written(self._tell_dropped(self._untold)):
            self._untold = 0
        if not self._written(line):
            self.dropped += 1
            self._untold += 1

    def _written(self, line: str) -> bool:
        data = line.encode(errors="backslashreplace")
        try:
            if len(data) > _PIECE_BYTES or not _wait_writable(self._descriptor, 0):
                return False
            write(self._descriptor, data)
        except OSError:
            return False
        return True


class BackgroundWriter:
    """Queues lines for one thread, which writes them to a file descriptor and waits for it as long as it takes.

    The thread writes to the descriptor and not to the stream: a stream's lock that is held by a waiting thread would
    abort the interpreter at its end. Start it after a fork; a fork has no copy of the thread.
    """

    def __init__(self, descriptor: int, tell_dropped: Callable[[int], str]) -> None:
        """`tell_dropped` renders the line about a number of dropped lines; the thread calls it."""
        self._descriptor, self._tell_dropped = descriptor, tell_dropped
        self.dropped = 0
        self._untold = 0
        self._lines: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._closing = False
        self._torn = False
        """The stream has half of a line: it was full in the middle."""
        # a reentrant lock: a finalizer that logs may run while this thread holds it
        self._changed = threading.Condition(threading.RLock())
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def write(self, line: str) -> None:
        """Queue the line, or drop it if the queue is full: the lines before it tell how the trouble began."""
        data = line.encode(errors="backslashreplace")
        with self._changed:
            if self._waiting_bytes + len(data) > MAX_WAITING_BYTES:
                self._count_dropped(1)
                return
            self._lines.append(data)
            self._waiting_bytes += len(data)
            self._changed.notify()

    def close(self, seconds: float = _CLOSE_SECONDS) -> bool:
        """Write what is queued and end the thread; False if it still waits for the stream after `seconds`."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _count_dropped(self, lines: int) -> None:
        self.dropped += lines
        self._untold += lines

    def _run(self) -> None:
        while piece := self._next_piece():
            self._report_dropped()
            if not self._written(b"".join(piece)):
                with self._changed:
                    self._count_dropped(len(piece))
        self._report_dropped()

    def _next_piece(self) -> list[bytes]:
        """Wait for lines, and take whole ones up to the size of a piece; none at the end."""
        with self._changed:
            while not self._lines and not self._closing:
                self._changed.wait()
            piece: list[bytes] = []
            size = 0
            while self._lines and (not piece or size + len(self._lines[0]) <= _PIECE_BYTES):
                piece.append(self._lines.popleft())
                size += len(piece[-1])
            self._waiting_bytes -= size
            return piece

    def _report_dropped(self) -> None:
        with self._changed:
            untold = self._untold if self._waiting_bytes <= _ROOM_BYTES else 0
        if untold and self._written(self._tell_dropped(untold).encode(errors="backslashreplace")):
            with self._changed:
                self._untold -= untold

    def _written(self, data: bytes) -> bool:
        """Write everything, however long it takes. False if the stream refuses it: full, or its reader is gone."""
        whole = rest = memoryview(b"\n" + data if self._torn else data)
        while rest:
            try:
                rest = rest[write(self._descriptor, rest) :]
            except BlockingIOError:  # whoever shares the pipe has made it non-blocking
                _wait_writable(self._descriptor, None)
            except OSError:
                self._torn = self._torn if len(rest) == len(whole) else True
                return False
        self._torn = False
        return True


def _wait_writable(descriptor: int, seconds: float | None) -> bool:
    """Wait until the descriptor takes data. A descriptor in error counts: writing to it fails at once."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(None if seconds is None else seconds * 1000))
