"""Reads one client's frames as fast as its rate limits allow, and reports an exceeded limit as a core event.

Both endpoints read through this. Pings, pongs and fragments count as well: each costs as much as a short message. The
link detects a message that is too large from its header, and stays open so that the error can be sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from bridge.core.events import ClientLimitExceeded
from bridge.driver.client import ClientDisconnected
from bridge.server.clients.rate_limit import ClientRateLimiter
from bridge.transport.link import LinkClosed, MessageTooLarge

if TYPE_CHECKING:
    from bridge.server.clients.rate_limit import RateLimits
    from bridge.transport.websocket import WebSocketLink

_TOO_FAST = ClientLimitExceeded("RATE_EXCEEDED", "The client sent too fast for 5 s without a pause.", 1008)


class ClientFrameReader:
    """The frames of one client."""

    def __init__(self, link: WebSocketLink, *, max_bytes: int, limits: RateLimits) -> None:
        """Read a link that was opened with `defer_close` and `max_size=max_bytes`."""
        self._link = link
        self._max_bytes = max_bytes
        self._limiter = ClientRateLimiter(limits)
        self._limit_exceeded = False
        self._receiving = trio.CancelScope()
        link.on_control_frames = self._count_control_frames

    async def receive(self) -> str | bytes | ClientLimitExceeded:
        """Wait for the next frame, or for an exceeded limit. Raises ClientDisconnected; cancelling loses no frame."""
        while not self._limit_exceeded:
            wait = self._limiter.wait_seconds(trio.current_time())
            if wait > 0:
                await trio.sleep(wait)
            with trio.CancelScope() as self._receiving:
                return await self._receive()
        await trio.lowlevel.checkpoint()
        return _TOO_FAST

    async def _receive(self) -> str | bytes | ClientLimitExceeded:
        try:
            frame = await self._link.receive()
        except LinkClosed as closed:
            raise ClientDisconnected from closed
        except MessageTooLarge as too_large:
            text = f"A message must have at most {self._max_bytes} bytes: {too_large}."
            return ClientLimitExceeded("MESSAGE_TOO_LARGE", text, 1009)
        in_time = self._limiter.charge(len(frame), trio.current_time())
        return frame if in_time else _TOO_FAST

    def _count_control_frames(self, frames: int) -> None:
        """Count frames that are not messages; when they exceed a limit, stop reading."""
        now = trio.current_time()
        self._limit_exceeded = not self._limiter.charge(0, now, frames)
        if self._limit_exceeded or self._limiter.wait_seconds(now) > 0:
            self._receiving.cancel()
