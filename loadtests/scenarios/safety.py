"""What may be loaded, how hard and for how long, unless the user says that he may; and when a target is clearly down.

Pure: names are looked at, not looked up, so that a wrong guess errs on the side of asking.
"""

from __future__ import annotations

import ipaddress
import re
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import urlsplit

#: More callers than this, or a longer run, is asked about.
MAX_CALLERS = 1000
MAX_SECONDS = 3600.0
#: Never longer than this, whoever says that he may.
ABSOLUTE_MAX_SECONDS = 24 * 3600.0
#: Names that no public host has (RFC 6761, RFC 6762, RFC 8375, and what clusters and companies use).
_PRIVATE_ENDINGS = (".local", ".localhost", ".internal", ".test", ".lan", ".home.arpa", ".svc", ".intranet")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?")
#: What a resolver takes for an address though it has no four parts: `2130706433`, `0x7f.1`.
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*")
_COUNTRY = 2
PERMISSION_OPTION = "--i-may-load-this-target"

#: A target is down when for this long nothing got ready and so many of the attempts failed.
_DOWN_SECONDS = 10.0
_DOWN_SHARE = 0.9
_DOWN_ATTEMPTS = 5


def refusal_reason(url: str, callers: int, seconds: float, *, permitted: bool) -> str | None:
    """Say in one plain line why this must not be loaded; None where it may."""
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
    """Say whether a host is one's own machine or network, as far as its name tells."""
    try:
        return _is_near(ipaddress.ip_address(host))
    except ValueError:
        name = host.lower().rstrip(".")
    if not _NAME.fullmatch(name) or _NUMBER.fullmatch(name):  # other spellings of dots and numbers reach anywhere
        return False
    if "." in name:
        return name.endswith(_PRIVATE_ENDINGS)
    return len(name) > _COUNTRY  # a country's own name may be a host


def _is_near(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_near(address.ipv4_mapped)
        if address.teredo is not None or address.sixtofour is not None:  # a way to somewhere else
            return False
    return address.is_private and not address.is_unspecified


@dataclass(slots=True)
class TargetHealth:
    """Whether the target lives, told by attempts to open a call. Times are seconds on any one clock."""

    _attempts: deque[tuple[float, bool]] = field(default_factory=deque)
    answered: bool = False
    """Whether any attempt ever succeeded."""
    failing_since: float | None = None
    """When the first attempt failed behind the last that succeeded."""

    def record(self, at: float, *, ready: int, failed: int) -> None:
        """Note how many attempts ended so since the last note."""
        self.answered = self.answered or ready > 0
        if ready:
            self.failing_since = None
        elif failed and self.failing_since is None:
            self.failing_since = at
        self._attempts.extend([(at, True)] * min(ready, _DOWN_ATTEMPTS) + [(at, False)] * min(failed, 100))
        while self._attempts and self._attempts[0][0] < at - _DOWN_SECONDS:
            self._attempts.popleft()

    def reset(self) -> None:
        """Forget what failed: the target was made to fail."""
        self._attempts.clear()
        self.failing_since = None

    def is_down(self, at: float) -> bool:
        """Say whether it is clearly down: failing for long enough, enough attempts, and all but none of them good."""
        if (
            self.failing_since is None
            or at - self.failing_since < _DOWN_SECONDS
            or len(self._attempts) < _DOWN_ATTEMPTS
        ):
            return False
        failed = sum(not good for _, good in self._attempts)
        return failed / len(self._attempts) > _DOWN_SHARE
