"""What the responses of one client connection took so far: tokens, and money as far as prices are known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.core.spending.usage import ResponseUsage, find_prices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.spending.usage import Prices


@dataclass(slots=True)
class Spend:
    """Tokens and cost of one client connection, over all its sessions."""

    usage: ResponseUsage = field(default_factory=ResponseUsage)
    cost_usd: float | None = 0.0
    """None once a response had no known price."""

    def add(self, usage: ResponseUsage, known_prices: Mapping[str, Prices], model: str) -> dict[str, Any]:
        """Count a response. Returns the fields of its `usage` message."""
        prices = find_prices(known_prices, model)
        cost = None if prices is None else prices.cost(usage)
        self.usage += usage
        self.cost_usd = None if cost is None or self.cost_usd is None else self.cost_usd + cost
        return {**_fields(usage, cost), "total": _fields(self.usage, self.cost_usd)}


def _fields(usage: ResponseUsage, cost_usd: float | None) -> dict[str, Any]:
    return {
        "inputTokens": usage.input,
        "outputTokens": usage.output,
        "cachedTokens": usage.cached,
        "audioInputTokens": usage.input_audio,
        "audioOutputTokens": usage.output_audio,
        "costUsd": None if cost_usd is None else round(cost_usd, 6),
    }
