"""The stretches of a call with a session: what must have arrived by the end of each, and whether anybody answers.

Pure. Times are seconds on one clock, positions are ms of the caller's audio.
"""

from __future__ import annotations

from dataclasses import dataclass

#: So much at the end of a stretch may have been on its way when the session was lost, if it lasted so long at all.
IN_FLIGHT_MS, _LASTED_SECONDS = 5000, 7.0
#: Who waits for so long, while there is a session, without a sign of any answer talks to nobody.
MUTE_SECONDS = 8.0


@dataclass(slots=True)
class SessionInterval:
    """One call's. `begin` and `end` enclose each stretch; both may come twice in a row."""

    expected_ms: int = 0
    """Up to here everything must have arrived, whatever became of the call."""
    _began: float | None = None
    _asked: float | None = None
    """Since when an answer is waited for, within this stretch."""
    _waited: float = 0.0
    """How long it was waited for in earlier ones."""

    def begin(self, now: float) -> None:
        """There is a session: a wait that was interrupted goes on."""
        self._began = now
        if self._waited:
            self._asked = now

    def expect_answer(self, now: float) -> None:
        """An answer is due from now on, if none was before."""
        if self._asked is None:
            self._asked = now

    def answer_seen(self) -> None:
        """Take a sign of an answer, also of one that fails."""
        self._asked, self._waited = None, 0.0

    def end(self, now: float, sent_ms: int) -> bool:
        """The session is gone, or the call is over; says whether its caller talked to nobody."""
        began, self._began = self._began, None
        if began is None:
            return False
        if now - began >= _LASTED_SECONDS:
            self.expected_ms = max(self.expected_ms, sent_ms - IN_FLIGHT_MS)
        if self._asked is not None:
            self._waited += max(0.0, now - max(began, self._asked))
            self._asked = None
        if self._waited < MUTE_SECONDS:
            return False
        self._waited = 0.0
        return True
