"""Tickets: short-lived, single-use tokens for one connection, signed with the bridge's static token.

They are for browsers: a web server that has the static token makes a ticket for each logged-in user, so the static
token never reaches a browser. A ticket is `t1.<expires>.<nonce>.<signature>`; `expires` is in Unix seconds, and the
signature is an HMAC-SHA256 over everything before it. One that says whose it is has a further part before the
signature, the subject in URL-safe base64, and begins with `t2`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Protocol

from reports.redaction import Secret

if TYPE_CHECKING:
    from pathlib import Path

VERSION: Final = "t1"
_WITH_SUBJECT: Final = "t2"
#: The longest subject, in bytes of UTF-8: a user's id, not a description.
MAX_SUBJECT_BYTES: Final = 128
#: The default lifetime of a ticket; opening a socket takes a second.
DEFAULT_SECONDS: Final = 60
#: The longest lifetime: used tickets must be remembered for as long.
MAX_SECONDS: Final = 600
#: The clocks of two machines may differ by this much.
_SKEW_SECONDS: Final = 5
_MAX_LENGTH: Final = 400
#: By version.
_PARTS: Final = {VERSION: 4, _WITH_SUBJECT: 5}


class TicketStatus(Enum):
    """The result of checking a ticket."""

    GOOD = auto()
    INVALID = auto()
    EXPIRED = auto()
    USED = auto()


@dataclass(frozen=True, slots=True)
class CheckedTicket:
    """What came of a check."""

    status: TicketStatus
    subject: str = ""
    """Whose ticket it is; empty if it doesn't say, or is not good."""


class UsedTickets(Protocol):
    """Remembers used tickets until they expire."""

    def first_use(self, nonce: str, expires: int, now: float) -> bool:
        """Record a use; return whether it is the first."""
        ...


class InMemoryUsedTickets:
    """The used tickets of a bridge with one process."""

    def __init__(self) -> None:
        self._until: dict[str, int] = {}

    def first_use(self, nonce: str, expires: int, now: float) -> bool:
        """Record a use; return whether it is the first."""
        if len(self._until) > 1000:  # noqa: PLR2004 - clean up now and then; the rate of tickets bounds the size
            self._until = {known: until for known, until in self._until.items() if until + _SKEW_SECONDS >= now}
        if nonce in self._until:
            return False
        self._until[nonce] = expires
        return True


class FolderUsedTickets:
    """The used tickets of several processes, as files in a private folder: creating a file of a name succeeds once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._uses = 0

    def first_use(self, nonce: str, expires: int, now: float) -> bool:
        """Record a use; return whether it is the first."""
        self._uses += 1
        if self._uses % 1000 == 0:
            self._forget(now)
        name = hashlib.sha256(nonce.encode()).hexdigest()[:40]
        try:
            (self._folder / f"ticket-{expires}-{name}").touch(mode=0o600, exist_ok=False)
        except OSError:  # it exists; or nothing can be written, and then no ticket may be used, lest it be used twice
            return False
        return True

    def _forget(self, now: float) -> None:
        for file in self._folder.glob("ticket-*"):
            if int(file.name.split("-")[1]) + _SKEW_SECONDS < now:
                file.unlink(missing_ok=True)


def make_ticket(token: Secret, unix_now: float, seconds: float = DEFAULT_SECONDS, subject: str = "") -> Secret:
    """Make a ticket that is valid for `seconds`, and says whose it is if `subject` does.

    Raises ValueError unless the seconds are from 1 to MAX_SECONDS, and the subject has at most MAX_SUBJECT_BYTES.
    """
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f"a ticket is valid for 1 to {MAX_SECONDS} s")
    name = subject.encode()
    if len(name) > MAX_SUBJECT_BYTES:
        raise ValueError(f"a subject has at most {MAX_SUBJECT_BYTES} bytes")
    body = f"{int(unix_now + seconds)}.{secrets.token_urlsafe(12)}"
    signed = f"{_WITH_SUBJECT}.{body}.{_encode(name)}" if name else f"{VERSION}.{body}"
    return Secret(f"{signed}.{_sign(token, signed)}")


def looks_like_ticket(text: str) -> bool:
    """Whether this text has the form of a ticket."""
    return text.startswith(tuple(f"{version}." for version in _PARTS))


def check_ticket(ticket: str, token: Secret, unix_now: float, used: UsedTickets) -> CheckedTicket:
    """Check a ticket, and use it up if it is valid."""
    parts = ticket.split(".")
    status = _status(ticket, parts, token, unix_now, used)
    if status is not TicketStatus.GOOD or parts[0] != _WITH_SUBJECT:
        return CheckedTicket(status)
    return CheckedTicket(status, urlsafe_b64decode(f"{parts[3]}==").decode())  # signed, so it is what was encoded


def _status(ticket: str, parts: list[str], token: Secret, unix_now: float, used: UsedTickets) -> TicketStatus:
    if len(ticket) > _MAX_LENGTH or len(parts) != _PARTS.get(parts[0]):
        return TicketStatus.INVALID
    if not parts[1].isdecimal() or not parts[1].isascii():
        return TicketStatus.INVALID
    signed, _, signature = ticket.rpartition(".")
    if not hmac.compare_digest(_sign(token, signed).encode(), signature.encode()):
        return TicketStatus.INVALID
    expires = int(parts[1])
    if unix_now > expires + _SKEW_SECONDS or expires > unix_now + MAX_SECONDS + _SKEW_SECONDS:
        return TicketStatus.EXPIRED
    return TicketStatus.GOOD if used.first_use(parts[2], expires, unix_now) else TicketStatus.USED


def _sign(token: Secret, text: str) -> str:
    """Sign with a key that is derived from the token for tickets only."""
    key = hmac.digest(token.reveal().encode(), b"sherpa-bridge ticket", "sha256")
    return _encode(hmac.digest(key, text.encode(), "sha256"))


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
