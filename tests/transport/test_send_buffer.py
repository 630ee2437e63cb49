"""What waits to be written, without a link around it."""

from __future__ import annotations

from bridge.transport.send_buffer import SendBuffer


def test_what_was_dropped_during_a_write_is_not_taken_again() -> None:
    buffer = SendBuffer()
    buffer.out.append(b"frame")
    buffer.unsent_bytes = 5
    assert buffer.next_write(in_pieces=True) == b"frame"
    assert buffer.drop_unsent() == 5
    buffer.taken(5, now=0.0)
    assert (buffer.unsent_bytes, buffer.out) == (0, [])
