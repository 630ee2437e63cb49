"""An audit of the messages that a bridge sends: timestamps, required fields, and generations that only grow.

It collects while messages arrive. The rows TIMESTAMPS and FIELDS report the result at the end. What a message must
hold comes from `bridge.client_protocol`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bridge.client_protocol.messages import BRIDGE_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Every message has one, known or not; a row of its own reports it.
_TIMESTAMP: Final = BRIDGE_MESSAGES["pong"].fields["timestamp"]
#: A row of its own checks the fields of errors.
_CHECKED_ELSEWHERE: Final = frozenset({"error"})
#: Different problems that are kept: a bridge with more of them repeats itself.
_MAX_PROBLEMS: Final = 50
_MAX_TYPE_CHARACTERS: Final = 60


@dataclass(slots=True)
class MessageAudit:
    """Counts what is wrong with the messages of a bridge. Feed it each message with `add`."""

    messages: int = 0
    without_timestamp: Counter[str] = field(default_factory=Counter)
    """Messages without a valid timestamp, by type."""
    bad_fields: Counter[str] = field(default_factory=Counter)
    """Fields that are missing or invalid: `session_ready.bufferedMs`."""
    generation: int = 0
    """The highest generation so far. A generation is one upstream session; each reconnect or rollover adds 1."""
    session_open: bool = False
    """Whether the bridge reported a session that it has not closed."""

    def add(self, message: Mapping[str, Any]) -> None:
        """Check one message of the bridge's own."""
        kind = str(message.get("type"))[:_MAX_TYPE_CHARACTERS]
        self.messages += 1
        if kind in ("session_ready", "session_closed"):
            self.session_open = kind == "session_ready"
        if not _TIMESTAMP.fits(message.get("timestamp")):
            _count(self.without_timestamp, kind)
        known = BRIDGE_MESSAGES.get(kind)
        if known is not None and kind not in _CHECKED_ELSEWHERE:
            for problem in known.problems(message):
                if problem.field.name != _TIMESTAMP.name:
                    _count(self.bad_fields, f"{kind}.{problem.field.name}")
        self._add_generation(kind, message.get("generation"))

    def _add_generation(self, kind: str, generation: object) -> None:
        if not isinstance(generation, int) or isinstance(generation, bool):
            return
        if generation < self.generation and kind != "error":  # one that was held back is about an earlier session
            _count(self.bad_fields, f"{kind}.generation that grows")
        self.generation = max(self.generation, generation)


def _count(counter: Counter[str], name: str) -> None:
    if name in counter or len(counter) < _MAX_PROBLEMS:
        counter[name] += 1
