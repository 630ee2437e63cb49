"""What one client connection took so far, by its responses and transcripts: tokens, and money as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.core.spending.usage import ResponseUsage

if TYPE_CHECKING:
    from bridge.core.spending.charges import Charge


@dataclass(slots=True)
class Spend:
    """Tokens, seconds of transcribed speech, and cost of one client connection, over all its sessions."""

    usage: ResponseUsage = field(default_factory=ResponseUsage)
    seconds: float = 0.0
    cost_usd: float | None = 0.0
    """None once something had no known price."""

    def add(self, charge: Charge) -> None:
        """Count a response or a transcript."""
        if charge.is_nothing:
            return
        self.usage += charge.usage
        self.seconds += charge.seconds
        known = charge.cost_usd is not None and self.cost_usd is not None
        self.cost_usd = (self.cost_usd or 0.0) + (charge.cost_usd or 0.0) if known else None

    @property
    def is_anything(self) -> bool:
        """Whether anything was taken."""
        return bool(self.usage.input or self.usage.output or self.seconds)

    def message_fields(self, charge: Charge) -> dict[str, Any]:
        """Return the fields of the `usage` message about a charge that was added."""
        cost = 0.0 if charge.is_nothing else charge.cost_usd
        return {**_fields(charge.usage, cost), "total": self.total_fields()}

    def total_fields(self) -> dict[str, Any]:
        """Return the same fields for everything so far."""
        return _fields(self.usage, self.cost_usd)


def _fields(usage: ResponseUsage, cost_usd: float | None) -> dict[str, Any]:
    return {
        "inputTokens": usage.input,
        "outputTokens": usage.output,
        "cachedTokens": usage.cached,
        "audioInputTokens": usage.input_audio,
        "audioOutputTokens": usage.output_audio,
        "costUsd": None if cost_usd is None else round(cost_usd, 6),
    }
