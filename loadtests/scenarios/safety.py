"""Safety limits: what may be loaded, how hard and for how long without explicit permission; and when a target is down.

Pure: host names are not resolved, so an unclear name counts as public.
"""

from __future__ import annotations

import ipaddress
import re
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import urlsplit

#: More callers or longer runs need permission.
MAX_CALLERS = 1000
MAX_SECONDS = 3600.0
#: The longest run, even with permission.
ABSOLUTE_MAX_SECONDS = 24 * 3600.0
#: Suffixes that no public host has (RFC 6761, RFC 6762, RFC 8375, and common private ones).
_PRIVATE_ENDINGS = (".local", ".localhost", ".internal", ".test", ".lan", ".home.arpa", ".svc", ".intranet")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?")
#: Numbers that a resolver accepts as an address: `2130706433`, `0x7f.1`.
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*")
_COUNTRY_CODE_LENGTH = 2
PERMISSION_OPTION = "--i-may-load-this-target"

#: A target is down if no session was ready for this long and this share of the attempts failed.
_DOWN_SECONDS = 10.0
_DOWN_SHARE = 0.9
_DOWN_ATTEMPTS = 5


def refusal_reason(url: str, callers: int, seconds: float, *, permitted: bool) -> str | None:
    """Return why this run is not allowed; None if it is."""
    if seconds > ABSOLUTE_MAX_SECONDS:
        return f"a run can last {ABSOLUTE_MAX_SECONDS / 3600:.0f} hours at most; use a shorter --duration"
    if permitted:
        return None
    host = urlsplit(url).hostname or ""
    if not is_private(host):
        return f"{host} looks like a public host; if you may load it, pass {PERMISSION_OPTION}"
    if callers > MAX_CALLERS:
        return f"{callers} callers are more than {MAX_CALLERS}; to allow this, pass {PERMISSION_OPTION}"
    if seconds > MAX_SECONDS:
        return f"{seconds:.0f} s is longer than an hour; to allow this, pass {PERMISSION_OPTION}"
    return None


def is_private(host: str) -> bool:
    """Return whether a host is on this machine or on a private network, judging by its name only."""
    try:
        return _is_private_address(ipaddress.ip_address(host))
    except ValueError:
        name = host.lower().rstrip(".")
    if not _NAME.fullmatch(name) or _NUMBER.fullmatch(name):  # unusual spellings can hide a public address
        return False
    if "." in name:
        return name.endswith(_PRIVATE_ENDINGS)
    return len(name) > _COUNTRY_CODE_LENGTH  # a two-letter name may be a country's host


def _is_private_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_private_address(address.ipv4_mapped)
        if address.teredo is not None or address.sixtofour is not None:  # tunnelled addresses can reach anywhere
            return False
    return address.is_private and not address.is_unspecified


@dataclass(slots=True)
class TargetHealth:
    """Whether the target is alive, judging by attempts to open sessions. Times are seconds on any one clock."""

    _attempts: deque[tuple[float, bool]] = field(default_factory=deque)
    answered: bool = False
    """Whether any attempt ever succeeded."""
    failing_since: float | None = None
    """When the first attempt failed since the last success."""

    def record(self, at: float, *, ready: int, failed: int) -> None:
        """Record how many attempts succeeded and failed since the last call."""
        self.answered = self.answered or ready > 0
        if ready:
            self.failing_since = None
        elif failed and self.failing_since is None:
            self.failing_since = at
        self._attempts.extend([(at, True)] * min(ready, _DOWN_ATTEMPTS) + [(at, False)] * min(failed, 100))
        while self._attempts and self._attempts[0][0] < at - _DOWN_SECONDS:
            self._attempts.popleft()

    def reset(self) -> None:
        """Forget the failures, because they were caused on purpose."""
        self._attempts.clear()
        self.failing_since = None

    def is_down(self, at: float) -> bool:
        """Return whether the target is down: failing long enough, with enough attempts, nearly all of them failed."""
        if (
            self.failing_since is None
            or at - self.failing_since < _DOWN_SECONDS
            or len(self._attempts) < _DOWN_ATTEMPTS
        ):
            return False
        failed = sum(not good for _, good in self._attempts)
        return failed / len(self._attempts) > _DOWN_SHARE
