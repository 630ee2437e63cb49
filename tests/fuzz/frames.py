"""Bytes behind the handshake: the short way, the long way, and any cut of the bytes into reads give one result."""

from __future__ import annotations

from unittest.mock import patch

from websockets.protocol import Side

from tests.transport.codec_verdicts import Plan, history, pieces


def check_frames(data: bytes) -> None:
    """Check a stream of frames. The first two bytes choose side, limits and cuts."""
    if len(data) < 2:
        return
    settings, cut, stream = data[0], data[1], data[2:]
    side = Side.SERVER if settings & 1 else Side.CLIENT
    plan = Plan(
        max_frames=1 + (settings >> 1 & 3),
        max_size=1000 if settings & 8 else None,
        max_fragments=2 if settings & 16 else 100,
        defer_close=bool(settings & 32),
        close_before=1 if settings & 64 else -1,
        at_end=bool(settings & 128),
    )
    reads = list(pieces(stream, [1 + cut % 23] * (1 + cut // 23)))
    with patch("websockets.frames.secrets.token_bytes", bytes):  # replies of a client compare by their bytes
        assert history(side, reads, plan, short_way=True) == history(side, reads, plan, short_way=False)
