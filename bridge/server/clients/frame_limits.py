"""The limits on one client's frames: their size and how fast they come. Exceeding one is an event for the core.

Both endpoints use this. Pings, pongs and fragments count as well: each costs as much as a short message. The link
detects a message that is too large from its header, and stays open so that the error can be sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.core.events import ClientLimitExceeded
from bridge.server.clients.json_bounds import extra_frames
from bridge.server.clients.rate_limit import ClientRateLimiter

if TYPE_CHECKING:
    from bridge.driver.client import ClientHandler
    from bridge.server.clients.rate_limit import RateLimits
    from bridge.transport.push_link import PushLink

TOO_FAST = ClientLimitExceeded("RATE_EXCEEDED", "The client sent too fast for 5 s without a pause.", 1008)


TOO_MUCH_HELD = ClientLimitExceeded(
    "SERVER_BUSY", "The bridge is short of memory, and holds much for this client.", 1013
)


def too_large(max_bytes: int, reason: str) -> ClientLimitExceeded:
    """Return the event of a message that is too large; `reason` has its size."""
    text = f"A message must have at most {max_bytes} bytes: {reason}."
    return ClientLimitExceeded("MESSAGE_TOO_LARGE", text, 1009)


#: For how many frames an invalid message counts: it is judged, reported and counted, where most are only passed on.
INVALID_FRAMES: Final = 10
#: From how many bytes on a message that is no speech has a slice for itself.
LARGE_BYTES: Final = 1024


class FrameLimits:
    """The rate of one client's frames. A client that is too fast is read more slowly, then refused."""

    __slots__ = ("_limiter", "exceeded")

    def __init__(self, limits: RateLimits) -> None:
        self._limiter = ClientRateLimiter(limits)
        self.exceeded = False
        """Whether the client was refused: nothing more of it counts."""

    def admit(self, link: PushLink, handler: ClientHandler, n_bytes: int, frames: int = 1) -> bool:
        """Count what came. Returns False if it must be ignored, because a limit is exceeded.

        The first time that happens, the handler gets the event. A link that is to be read more slowly is paused.
        """
        now = link.now
        if self.exceeded:
            return False
        if not self._limiter.charge(n_bytes, now, frames):
            self.exceeded = True
            link.pause()
            handler.handle(TOO_FAST)
            return False
        if self._limiter.until > now:
            link.pause()
            handler.resume_at(self._limiter.until)
        return True

    def charge_large(self, link: PushLink, handler: ClientHandler, data: bytes) -> None:
        """Count an admitted message that is large and no speech by its values, and let others have their turn."""
        link.end_slice()
        if frames := extra_frames(data):
            self.admit(link, handler, 0, frames)

    def charge_invalid(self, link: PushLink, handler: ClientHandler) -> None:
        """Count an admitted message as invalid, and let others have their turn before the next one."""
        link.end_slice()
        self.admit(link, handler, 0, INVALID_FRAMES - 1)
