"""Reading one client: its frames at the pace that its budgets allow, and what breaks a limit as a core event.

Both faces read through this. Pings, pongs and fragments are counted as well: each costs us as much as a short message.
The socket itself notices a message that is too large, from its first bytes, and stays open for saying so.
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

_TOO_FAST = ClientLimitExceeded("RATE_EXCEEDED", "Too much came too fast, for 5 s without a pause.", 1008)


class ClientFrameReader:
    """One client's frames."""

    def __init__(self, link: WebSocketLink, *, max_bytes: int, limits: RateLimits) -> None:
        """Read a `patient` link that takes messages of `max_bytes`."""
        self._link = link
        self._max_bytes = max_bytes
        self._rates = ClientRateLimiter(limits)
        self._flooded = False
        self._receiving = trio.CancelScope()
        link.on_control_frames = self._count_others

    async def receive(self) -> str | bytes | ClientLimitExceeded:
        """Wait for the next frame. Raises FaceClosed; cancelling loses nothing."""
        while not self._flooded:
            wait = self._rates.wait_seconds(trio.current_time())
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
            text = f"A message may have {self._max_bytes} bytes: {too_large}."
            return ClientLimitExceeded("MESSAGE_TOO_LARGE", text, 1009)
        in_time = self._rates.charge(len(frame), trio.current_time())
        return frame if in_time else _TOO_FAST

    def _count_others(self, frames: int) -> None:
        """Count what was read beside messages; where it was too much, stop reading and wait."""
        now = trio.current_time()
        self._flooded = not self._rates.charge(0, now, frames)
        if self._flooded or self._rates.wait_seconds(now) > 0:
            self._receiving.cancel()
