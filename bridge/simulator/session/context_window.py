"""How much of a long conversation a response reads: `session.truncation`.

Up to its limit, a model reads the whole conversation. Beyond it, the service leaves out the oldest items (`auto`), so
many of them that a part of the limit is free again (`retention_ratio`), or refuses the response (`disabled`). What was
left out once stays out, but it stays in the conversation: it can be retrieved and deleted. Tokens are those of `usage`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bridge.protocol.models import DEFAULT_MODEL, MODELS, find_model
from bridge.simulator.session.response_objects import TokenUsage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.simulator.session.conversation import ConversationItem
    from bridge.simulator.session.state import SessionState


class ContextWindow:
    """What the responses of one session read of its conversation."""

    __slots__ = ("_left_out", "_state")

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._left_out: frozenset[str] = frozenset()

    def fit(self, items: Sequence[ConversationItem]) -> list[ConversationItem] | None:
        """Return the items that a response reads; None if there are too many and truncation is disabled."""
        read = [item for item in items if item.id not in self._left_out]
        truncation = self._state.config.get("truncation", "auto")
        limit, kept = self._limits(truncation)
        if _tokens(read) <= limit:
            return read
        if truncation == "disabled":
            return None
        while len(read) > 1 and _tokens(read) > kept:
            del read[0]
        reading = {item.id for item in read}
        self._left_out = frozenset(item.id for item in items if item.id not in reading)
        return read

    def _limits(self, truncation: object) -> tuple[int, float]:
        """Return how many tokens are too many, and how many are kept then."""
        most = (find_model(self._state.setup.model) or MODELS[DEFAULT_MODEL]).max_input_tokens
        if not isinstance(truncation, Mapping):
            return most, most
        limit = min(most, (truncation.get("token_limits") or {}).get("post_instructions") or most)
        return limit, limit * truncation["retention_ratio"]


def _tokens(items: Sequence[ConversationItem]) -> int:
    usage = TokenUsage()
    usage.count_input(items)
    return usage.input_text + usage.input_audio
