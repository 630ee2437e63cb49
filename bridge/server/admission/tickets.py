"""Tickets: a client's token for one connection, signed with the static token, good for a minute and once.

For browsers: the page's own server, which knows the static token, makes one for a user that it knows; the token itself
never reaches a browser. A ticket is `t1.<expires>.<nonce>.<signature>`, HMAC-SHA256 over what stands before it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Protocol

from reports.redaction import Secret

if TYPE_CHECKING:
    from pathlib import Path

VERSION: Final = "t1"
#: How long a ticket is good when nothing else is said; opening a socket takes a second.
DEFAULT_SECONDS: Final = 60
#: Longer ones would be tokens, not tickets; used ones have to be remembered for as long.
MAX_SECONDS: Final = 600
#: Clocks of two machines differ.
_SKEW_SECONDS: Final = 5
_MAX_LENGTH: Final = 200
_PARTS: Final = 4


class TicketStatus(Enum):
    """What a ticket is worth."""

    GOOD = auto()
    INVALID = auto()
    EXPIRED = auto()
    USED = auto()


class UsedTickets(Protocol):
    """Remembers which tickets were used, until they expire."""

    def first_use(self, nonce: str, expires: int, now: float) -> bool:
        """Take note of a use; False when it is not the first."""
        ...


class InMemoryUsedTickets:
    """For one process."""

    def __init__(self) -> None:
        self._until: dict[str, int] = {}

    def first_use(self, nonce: str, expires: int, now: float) -> bool:
        """Take note of a use; False when it is not the first."""
        if len(self._until) > 1000:  # noqa: PLR2004 - tidy up now and then; the rate of tickets bounds it
            self._until = {known: until for known, until in self._until.items() if until + _SKEW_SECONDS >= now}
        if nonce in self._until:
            return False
        self._until[nonce] = expires
        return True


class FolderUsedTickets:
    """For several processes that share a private folder: making a file of that name succeeds once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._uses = 0

    def first_use(self, nonce: str, expires: int, now: float) -> bool:
        """Take note of a use; False when it is not the first."""
        self._uses += 1
        if self._uses % 1000 == 0:
            self._forget(now)
        name = hashlib.sha256(nonce.encode()).hexdigest()[:40]
        try:
            (self._folder / f"ticket-{expires}-{name}").touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _forget(self, now: float) -> None:
        for file in self._folder.glob("ticket-*"):
            if int(file.name.split("-")[1]) + _SKEW_SECONDS < now:
                file.unlink(missing_ok=True)


def make_ticket(token: Secret, unix_now: float, seconds: float = DEFAULT_SECONDS) -> Secret:
    """Make a ticket that is good for so many seconds. ValueError when they are too many or none."""
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f"a ticket is good for up to {MAX_SECONDS} s")
    told = f"{VERSION}.{int(unix_now + seconds)}.{secrets.token_urlsafe(12)}"
    return Secret(f"{told}.{_sign(token, told)}")


def looks_like_ticket(text: str) -> bool:
    """Whether somebody means this to be a ticket."""
    return text.startswith(f"{VERSION}.")


def check_ticket(ticket: str, token: Secret, unix_now: float, used: UsedTickets) -> TicketStatus:
    """Say what a ticket is worth, and use it up when it is good."""
    parts = ticket.split(".")
    if len(ticket) > _MAX_LENGTH or len(parts) != _PARTS or not parts[1].isdecimal() or not parts[1].isascii():
        return TicketStatus.INVALID
    told, _, signature = ticket.rpartition(".")
    if not hmac.compare_digest(_sign(token, told).encode(), signature.encode()):
        return TicketStatus.INVALID
    expires = int(parts[1])
    if unix_now > expires + _SKEW_SECONDS or expires > unix_now + MAX_SECONDS + _SKEW_SECONDS:
        return TicketStatus.EXPIRED
    return TicketStatus.GOOD if used.first_use(parts[2], expires, unix_now) else TicketStatus.USED


def _sign(token: Secret, told: str) -> str:
    """Sign under a key that is derived for this use alone."""
    key = hmac.digest(token.reveal().encode(), b"sherpa-bridge ticket", "sha256")
    return urlsafe_b64encode(hmac.digest(key, told.encode(), "sha256")).decode().rstrip("=")
