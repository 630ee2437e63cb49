"""A session's messages as server-sent events, for as long as proxies bear one response.

A stream ends after STREAM_SECONDS or STREAM_BYTES, and the client resumes with `Last-Event-ID`, which acknowledges what
it names: proxies that buffer a response pass it on when it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from bridge.transport.http import StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bridge.server.fallback.client import FallbackClient

#: Client protocol, "REST fallback".
STREAM_SECONDS: Final = 600.0
STREAM_BYTES: Final = 2**20
COMMENT_SECONDS: Final = 15.0
_HEADERS: Final = (
    ("content-type", "text/event-stream"),
    ("cache-control", "no-cache, no-transform"),
    ("x-accel-buffering", "no"),
)


def stream_events(client: FallbackClient, after: int) -> StreamingResponse:
    """Acknowledge the messages up to `after`, and stream those behind it. Raises UnknownEventError."""
    client.events.acknowledge(after)
    return StreamingResponse(200, _HEADERS, _chunks(client, after, client.supersede()))


async def _chunks(client: FallbackClient, after: int, number: int) -> AsyncGenerator[bytes, None]:
    """Yield what is to be written, until the stream's end, that of the session, or another request for the events."""
    until, size = trio.current_time() + STREAM_SECONDS, 0
    with client.polled():
        while trio.current_time() < until and size < STREAM_BYTES and client.newest_poll == number:
            with trio.move_on_after(COMMENT_SECONDS):
                await client.wait_for_news(after)
            events = client.events.deliver(after)
            if not events and client.ended:
                return
            after = client.events.first_behind(after) - 1
            chunk = b"".join(_event(seq, message) for seq, message in enumerate(events, after + 1))
            after += len(events)
            size += len(chunk)
            yield chunk or b": still here\n\n"


def _event(seq: int, message: bytes) -> bytes:
    """Write one message. The upstream's may have line ends between its tokens."""
    return b"id: %d\ndata: %b\n\n" % (seq, b"\ndata: ".join(message.splitlines()))
