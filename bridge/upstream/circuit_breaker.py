"""Stops attempts to reach an upstream that can't be reached: then one attempt at a time finds out when it can be again.

Without it, the clients of an outage would all dial again and again, each on its own. Pure; the time is a parameter.
The state is three numbers, which several processes may share: then one attempt at a time goes through in all of them.

    state      attempts                                   becomes
    ---------  -----------------------------------------  -----------------------------------------------------
    closed     all go through                             open after FAILURES in a row
    open       none, for a time that grows                half-open after that time
    half-open  one goes through, and all others wait      closed if it succeeds, open for longer if it fails
"""

from __future__ import annotations

from typing import Final, Protocol

#: So many attempts in a row must have failed: more than one client makes alone.
FAILURES: Final = 20
#: How long nobody dials, at first and at most. Short: a call that waits is a caller who waits.
FIRST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 4.0
#: For how long one attempt may keep the others waiting: more than it takes to fail.
_TRIAL_SECONDS: Final = 15.0


class Numbers(Protocol):
    """Numbers by their place: a list, or memory that workers share."""

    def __getitem__(self, place: int, /) -> float: ...

    def __setitem__(self, place: int, number: float, /) -> None: ...


#: How many numbers the state is: the failures in a row; for how long it was opened last, 0 if it is closed; and when
#: the next attempt may go through, unless it is closed.
STATE_NUMBERS: Final = 3
_FAILURES, _OPEN_SECONDS, _NEXT_AT = range(STATE_NUMBERS)


class CircuitBreaker:
    """The state of one upstream, as one process sees it, or all that share its numbers."""

    def __init__(self, numbers: Numbers | None = None) -> None:
        """`numbers` is the state; see STATE_NUMBERS."""
        self._numbers: Numbers = [0.0] * STATE_NUMBERS if numbers is None else numbers

    @property
    def is_open(self) -> bool:
        """Whether not all attempts go through."""
        return self._numbers[_OPEN_SECONDS] > 0

    def wait_seconds(self, now: float) -> float:
        """Return 0 if an attempt may go through now, else after how many seconds to ask again."""
        next_at = self._numbers[_NEXT_AT]
        return min(next_at - now, LONGEST_SECONDS) if self.is_open and now < next_at else 0.0

    def admit(self, now: float) -> float:
        """Return what `wait_seconds` does; if that is 0, the attempt begins.

        Then `succeeded`, `failed` or `given_up` must follow.
        """
        wait = self.wait_seconds(now)
        if self.is_open and not wait:
            self._numbers[_NEXT_AT] = now + _TRIAL_SECONDS
        return wait

    def succeeded(self) -> None:
        """Close: the upstream was reached."""
        self._numbers[_FAILURES] = self._numbers[_OPEN_SECONDS] = 0.0

    def given_up(self, now: float) -> None:
        """Let another attempt find out: nobody waits for this one any more."""
        self._numbers[_NEXT_AT] = min(self._numbers[_NEXT_AT], now)

    def failed(self, now: float) -> None:
        """Count an attempt that did not reach the upstream."""
        self._numbers[_FAILURES] += 1
        if self._numbers[_FAILURES] >= FAILURES:
            seconds = min(LONGEST_SECONDS, self._numbers[_OPEN_SECONDS] * 2 or FIRST_SECONDS)
            self._numbers[_OPEN_SECONDS], self._numbers[_NEXT_AT] = seconds, now + seconds
