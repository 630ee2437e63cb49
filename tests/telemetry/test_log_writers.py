"""A stream that is slow, full or gone: lines are dropped and counted, and nobody waits."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bridge.telemetry.log import Log
from bridge.telemetry.log_writers import MAX_WAITING_BYTES, BackgroundWriter, ReadyWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

#: More than a pipe and the queue hold together.
MANY = 8000
TEXT = "x" * 200


@contextmanager
def pipe() -> Iterator[tuple[Any, Any]]:
    """A pipe of 64 KiB: the text stream that is logged to, and the end that is read."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 65536)  # type: ignore[attr-defined,unused-ignore]
    with os.fdopen(reading, "rb") as read, os.fdopen(writing, "w") as written:
        yield written, read


def parsed(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def wait_until(condition: Callable[[], object]) -> None:
    while not condition():
        time.sleep(0.001)


def told(count: int) -> str:
    return f"dropped {count}\n"


def test_a_pipe_that_is_not_read_stops_nobody_and_the_loss_is_told_when_it_is() -> None:
    with pipe() as (stream, read):
        log = Log(stream)
        with log.in_background():
            for number in range(MANY):
                log.write("info", "a.b", TEXT, number=number)
            dropped = log.dropped
            assert 0 < dropped < MANY
            os.set_blocking(read.fileno(), True)
            seen = b""
            while seen.count(b"\n") < MANY - dropped + 1:
                seen += os.read(read.fileno(), 1 << 16)
        lines = parsed(seen)
    kept = [line["number"] for line in lines if line["event"] == "a.b"]
    assert kept == sorted(kept)
    assert kept[0] == 0, "the first lines tell how it began"
    assert len(kept) == MANY - dropped
    [loss] = [line for line in lines if line["event"] == "log.dropped"]
    assert (loss["count"], loss["level"]) == (dropped, "warning")


def test_at_the_end_everything_that_waits_is_written(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        log = Log(stream)
        with log.in_background():
            for number in range(100):
                log.write("info", "a.b", TEXT, number=number)
        log.write("info", "a.b", "after it", number=100)
    assert [line["number"] for line in parsed((tmp_path / "log").read_bytes())] == list(range(101))


def test_a_pipe_that_is_never_read_holds_up_neither_the_end_nor_later_lines() -> None:
    with pipe() as (stream, read):
        log = Log(stream)
        with log.in_background():
            for _ in range(MANY):
                log.write("info", "a.b", TEXT)
        before = log.dropped
        for _ in range(MANY):
            log.write("info", "a.b", TEXT)
        assert log.dropped > before
        read.close()  # the thread's write fails, and it ends: before the next file gets the number of its descriptor
        wait_until(lambda: all(thread.name != "log-writer" for thread in threading.enumerate()))


def test_a_full_disk_is_counted_and_raises_nothing() -> None:
    with open("/dev/full", "w") as stream:  # noqa: PTH123 - a device
        log = Log(stream)
        with log.in_background():
            log.write("info", "a.b", TEXT)
            wait_until(lambda: log.dropped)


def test_a_reader_that_has_gone_is_counted_and_raises_nothing() -> None:
    with pipe() as (stream, read):
        read.close()
        writer = BackgroundWriter(stream.fileno(), told)
        writer.start()
        writer.write("a\n")
        assert writer.close()
        assert writer.dropped == 1


def test_what_a_full_disk_refused_is_told_when_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line was written before the disk was full: the next one begins on a line of its own."""
    written = bytearray()
    room = [3]

    def write(_: int, data: memoryview) -> int:
        taken = min(room[0], len(data))
        if not taken:
            raise OSError(errno.ENOSPC, "full")
        room[0] -= taken
        written.extend(data[:taken])
        return taken

    monkeypatch.setattr("bridge.telemetry.log_writers.write", write)
    log = BackgroundWriter(1, told)
    log.start()
    log.write("first\n")
    wait_until(lambda: log.dropped)
    room[0] = 1000
    log.write("second\n")
    assert log.close(60)
    assert bytes(written) == b"fir\ndropped 1\nsecond\n"


def test_several_lines_are_written_in_pieces_that_a_shared_pipe_keeps_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[bytes] = []

    def write(_: int, data: memoryview) -> int:
        pieces.append(bytes(data))
        return len(data)

    monkeypatch.setattr("bridge.telemetry.log_writers.write", write)
    writer = BackgroundWriter(1, told)
    for _ in range(50):
        writer.write(TEXT + "\n")
    writer.write("y" * 9000 + "\n")
    writer.start()
    assert writer.close(60)
    assert max(len(piece) for piece in pieces[:-1]) <= 4096
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert len(pieces) == 4


def test_a_pipe_that_somebody_made_non_blocking_loses_nothing() -> None:
    with pipe() as (stream, read):
        os.set_blocking(stream.fileno(), False)
        writer = BackgroundWriter(stream.fileno(), told)
        writer.start()
        for _ in range(1000):
            writer.write(TEXT + "\n")
        seen = b""
        while seen.count(b"\n") < 1000:
            seen += os.read(read.fileno(), 1 << 16)
        assert writer.close(60)
        assert writer.dropped == 0


def test_the_queue_is_bounded_in_bytes() -> None:
    writer = BackgroundWriter(1, told)
    for _ in range(3):
        writer.write("x" * (MAX_WAITING_BYTES // 2))
    assert writer.dropped == 1


def test_the_parent_of_workers_drops_what_the_pipe_does_not_take_and_tells_it_later() -> None:
    with pipe() as (stream, read):
        writer = ReadyWriter(stream.fileno(), told)
        for number in range(MANY):
            writer.write(f"{number} {TEXT}\n")
        assert 0 < writer.dropped < MANY
        dropped = writer.dropped
        os.read(read.fileno(), 1 << 16)
        writer.write("later\n")
        assert os.read(read.fileno(), 1 << 16).endswith(f"dropped {dropped}\nlater\n".encode())
        writer.write("x" * 5000)
        assert writer.dropped == dropped + 1, "it could wait for the end of a long line"


def test_a_stream_that_is_no_file_is_written_to_directly() -> None:
    text = io.StringIO()
    log = Log(text)
    log.never_wait()
    with log.in_background():
        log.write("info", "a.b", "c")
        assert parsed(text.getvalue().encode())[0]["event"] == "a.b"
