"""The paper work of a bridge's own messages: the time on each, the fields that each must have, generations that grow.

It only collects, while messages come; what is wrong is told once, in a row at the end.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
#: Kinds of trouble that are kept: a bridge that makes more has made its point.
_MOST = 50


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _object(value: object) -> bool:
    return isinstance(value, dict)


#: What each message of the client protocol carries. Errors are looked at by a row of their own.
FIELDS: Mapping[str, Mapping[str, Callable[[object], bool]]] = {
    "connected": {"clientId": _text, "protocol": lambda value: value == 1},
    "session_initializing": {"generation": _whole, "attempt": _whole, "maxAttempts": _whole},
    "session_ready": {
        "generation": _whole,
        "message": _text,
        "sessionId": _text,
        "model": _text,
        "dialect": _text,
        "bufferedChunks": _whole,
        "bufferedMs": _amount,
    },
    "reconnecting": {
        "generation": _whole,
        "attempt": _whole,
        "maxAttempts": _whole,
        "delayMs": _amount,
        "reason": _text,
    },
    "reconnected": {
        "generation": _whole,
        "sessionId": _text,
        "heldMs": _amount,
        "resentMs": _amount,
        "restored": _object,
        "lost": _texts,
    },
    "session_expiring": {"generation": _whole, "expiresAt": lambda value: value is not None},
    "session_closed": {"generation": _whole, "reason": _text},
    "audio_dropped": {"chunks": _whole, "ms": _amount, "messages": _whole, "reason": _text},
}


@dataclass(slots=True)
class MessageAudit:
    """What was wrong with the messages so far."""

    messages: int = 0
    without_timestamp: Counter[str] = field(default_factory=Counter)
    """Messages without a proper time, by type."""
    bad_fields: Counter[str] = field(default_factory=Counter)
    """Fields that were not there or not what they must be: `session_ready.bufferedMs`."""
    generation: int = 0
    """The greatest one so far."""
    session_open: bool = False
    """Whether there is one, by the bridge's own words."""

    def add(self, message: Mapping[str, Any]) -> None:
        """Look at one message of the bridge's own."""
        kind = str(message.get("type"))[:60]
        self.messages += 1
        if kind in ("session_ready", "session_closed"):
            self.session_open = kind == "session_ready"
        stamp = message.get("timestamp")
        if not (isinstance(stamp, str) and _STAMP.fullmatch(stamp)):
            self._add(self.without_timestamp, kind)
        for name, fits in FIELDS.get(kind, {}).items():
            if not fits(message.get(name)):
                self._add(self.bad_fields, f"{kind}.{name}")
        self._take_generation(kind, message.get("generation"))

    def _take_generation(self, kind: str, generation: object) -> None:
        if not isinstance(generation, int) or isinstance(generation, bool):
            return
        if generation < self.generation and kind != "error":  # one that was held back speaks of an earlier session
            self._add(self.bad_fields, f"{kind}.generation that grows")
        self.generation = max(self.generation, generation)

    def _add(self, tally: Counter[str], name: str) -> None:
        if name in tally or len(tally) < _MOST:
            tally[name] += 1
