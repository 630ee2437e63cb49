"""How many lines of one event a session may log: the first ones at once, then a line with a count now and then.

A client or an upstream decides how often some events happen. Without a limit, an outage logs a line for each 20 ms of
speech. A limiter is pure: it gets the time, and says what to write. Metrics don't pass here; they count every event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds. Long enough that 1,000 sessions in an outage log 100 lines a second of an event, which is 30 kB; short
#: enough that a person who follows the log sees that the trouble continues.
WINDOW_SECONDS: Final = 10.0
#: Lines of one event in a window, for events that happen as often as a client or an upstream likes.
_ONCE: Final = 1
#: The same for steps of a session's life and for errors that are throttled or end something, which are read one by one:
#: a session that is lost and found again has several of each within a few seconds.
_STEPS: Final = 10
#: The same for clients that come and go, over all of them: after a deploy, a thousand may come at once.
_VISITS: Final = 200
#: The same for all sessions together: clients that come, get a session and leave, again and again, have new ones each
#: time.
OF_ALL_SESSIONS: Final = 500
#: Amounts in the fields of an event that are added up over the lines that were left out.
_AMOUNTS: Final = ("chunks", "ms", "messages")
#: Events that are told apart. Names are constants, so this is never reached; it bounds the memory if one is not.
_MAX_EVENTS: Final = 64
_OTHER: Final = ("other", "")

_LIMITS: Mapping[str, int] = {
    "upstream.opening": _STEPS,
    "session.created": _STEPS,
    "session.ready": _STEPS,
    "session.reconnected": _STEPS,
    "session.lost": _STEPS,
    "session.failed": _STEPS,
    "session.closed": _STEPS,
    "session.expiring": _STEPS,
    "attempt.failed": _STEPS,
    "client.gone": _STEPS,
    "error.sent": _STEPS,
    "client.refused": _STEPS,
    "client.connected": _VISITS,
    "client.disconnected": _VISITS,
    "internal.error": _STEPS,
}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The lines of an event that were not written."""

    count: int
    amounts: Mapping[str, float]
    """Sums of the fields that are amounts."""

    def as_fields(self) -> dict[str, Any]:
        """Return the fields that a line gets for them; none if no line was left out."""
        return {"count": self.count, **({"sums": dict(self.amounts)} if self.amounts else {})} if self.count else {}


NOTHING_LEFT_OUT: Final = LeftOut(0, {})


@dataclass(slots=True)
class _Window:
    since: float
    written: int = 0
    left_out: int = 0
    amounts: dict[str, float] = field(default_factory=dict)

    def add(self, left_out: LeftOut) -> None:
        self.left_out += left_out.count
        for name, amount in left_out.amounts.items():
            if amount:
                self.amounts[name] = self.amounts.get(name, 0) + amount

    def take_left_out(self) -> LeftOut:
        if not self.left_out:
            return NOTHING_LEFT_OUT
        taken = LeftOut(self.left_out, self.amounts)
        self.left_out, self.amounts = 0, {}
        return taken


class LogLimiter:
    """The limits of one session, of all sessions together, or of all requests that have none."""

    __slots__ = ("_lines", "_windows")

    def __init__(self, lines: int | None = None) -> None:
        """`lines` is how many there may be of each event; None: as the table says."""
        self._windows: dict[tuple[str, str], _Window] = {}
        self._lines = lines

    def offer(
        self,
        event: str,
        fields: Mapping[str, Any],
        now: float,
        *,
        kind: str = "",
        before: LeftOut = NOTHING_LEFT_OUT,
    ) -> LeftOut | None:
        """Return None if the line of this event is to be left out, else what was left out since the last line.

        Events of the same name but another `kind` have limits of their own. `before` is what another limiter left out
        before this line: it is told with it, or left out with it.
        """
        key = event, kind
        if key not in self._windows and len(self._windows) >= _MAX_EVENTS:
            key = _OTHER
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window(now)
        elif now - window.since >= WINDOW_SECONDS:
            window.since, window.written = now, 0
        limit = _LIMITS.get(event, _ONCE) if self._lines is None else self._lines
        if window.written < limit:
            window.written += 1
            window.add(before)
            return window.take_left_out()
        window.add(before)
        amounts = {name: fields[name] for name in _AMOUNTS if isinstance(fields.get(name), int | float)}
        window.add(LeftOut(1, amounts))
        return None

    def finish(self) -> list[tuple[str, str, LeftOut]]:
        """Return what was left out and not told yet: event, kind, how much. Each is returned once."""
        return [(*key, window.take_left_out()) for key, window in self._windows.items() if window.left_out]
