"""Who a client is, by the subject of its ticket: how many sessions one subject may have, and what it may spend a day.

Days are those of UTC. What a subject spent is forgotten with the bridge, and other bridges don't know it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Final, Protocol

from bridge.server.shared_numbers import SharedAddressCounts, SharedNumbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.core.spending.charges import Charge
    from bridge.server.admission.session_counts import ActiveSessions
    from bridge.server.config.settings import IdentityCaps

_DAY_SECONDS: Final = 86_400
#: Money is counted in whole units: a cell of the shared table holds 400,000 US dollars of them.
_UNITS_PER_USD: Final = 10_000


class DayLedger(Protocol):
    """What each subject took on a day."""

    def add(self, subject: str, day: int, tokens: int, units: int) -> None:
        """Count what a subject took."""

    def spent(self, subject: str, day: int) -> tuple[int, int]:
        """Return the tokens and the units of money that a subject took on this day."""


class MemoryLedger:
    """The ledger of a bridge with one process."""

    def __init__(self) -> None:
        self._day = 0
        self._spent: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))

    def add(self, subject: str, day: int, tokens: int, units: int) -> None:
        """Count what a subject took."""
        if day != self._day:
            self._day = day
            self._spent.clear()
        before = self._spent[subject]
        self._spent[subject] = before[0] + tokens, before[1] + units

    def spent(self, subject: str, day: int) -> tuple[int, int]:
        """Return the tokens and the units of money that a subject took on this day."""
        return self._spent.get(subject, (0, 0)) if day == self._day else (0, 0)


class SharedLedger:
    """The ledger of all workers, in shared memory. Make it before they are forked.

    A worker that takes over a slot goes on with what is in it: what was spent stays spent.
    """

    def __init__(self, workers: int) -> None:
        self._tokens, self._units = SharedAddressCounts(workers), SharedAddressCounts(workers)
        self._days, self._own = SharedNumbers(workers), 0

    def claim(self, slot: int) -> None:
        """Write to this slot from now on."""
        self._own = slot

    def add(self, subject: str, day: int, tokens: int, units: int) -> None:
        """Count what a subject took."""
        if self._days[self._own] != day:
            self._tokens.clear(self._own)
            self._units.clear(self._own)
            self._days[self._own] = day
        self._tokens.add(self._own, subject, tokens)
        self._units.add(self._own, subject, units)

    def spent(self, subject: str, day: int) -> tuple[int, int]:
        """Return the tokens and the units of money that a subject took on this day, in all workers."""
        slots = [slot for slot, known in enumerate(self._days.all()) if known == day]
        return self._tokens.total(subject, slots), self._units.total(subject, slots)


class Identities:
    """The subjects of this bridge."""

    def __init__(
        self,
        caps: IdentityCaps,
        active: ActiveSessions,
        ledger: DayLedger | None = None,
        *,
        unix_now: Callable[[], float],
    ) -> None:
        self.caps = caps
        """The limits as they are set now."""
        self._active, self._unix_now = active, unix_now
        self._ledger: DayLedger = MemoryLedger() if ledger is None else ledger

    def enter(self, subject: str) -> bool:
        """Count a session of this subject; False, and nothing is counted, if it is one too many."""
        limit = self.caps.sessions
        self._active.add(subject)  # before the look, as addresses are: see `session_counts.py`
        if limit and self._active.from_address(subject) > limit:
            self._active.remove(subject)
            return False
        return True

    def leave(self, subject: str) -> None:
        """Count a session of this subject as ended."""
        self._active.remove(subject)

    def account(self, subject: str) -> IdentityAccount:
        """Return what this subject may spend."""
        return IdentityAccount(subject, self)

    def charge(self, subject: str, charge: Charge) -> None:
        """Count what a response or a transcript took."""
        units = round((charge.cost_usd or 0.0) * _UNITS_PER_USD)
        self._ledger.add(subject, self._day, charge.tokens, units)

    def is_exhausted(self, subject: str) -> bool:
        """Whether a subject reached a cap today."""
        caps = self.caps
        if caps.tokens == inf and caps.cost_usd == inf:
            return False
        tokens, units = self._ledger.spent(subject, self._day)
        return tokens >= caps.tokens or units >= caps.cost_usd * _UNITS_PER_USD

    @property
    def _day(self) -> int:
        return int(self._unix_now() // _DAY_SECONDS)


@dataclass(slots=True)
class IdentityAccount:
    """What one subject may spend. Implements `bridge.core.spending.caps.Account`."""

    subject: str
    identities: Identities = field(repr=False)

    def charge(self, charge: Charge) -> None:
        """Count what a response or a transcript took."""
        self.identities.charge(self.subject, charge)

    @property
    def exhausted(self) -> bool:
        """Whether the subject reached a cap today."""
        return self.identities.is_exhausted(self.subject)
