"""What one response or one transcript took: read from the service's `usage`, and priced."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.core.spending.usage import ResponseUsage, find_prices, read_seconds, read_usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.spending.usage import Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What one response or one transcript took."""

    model: str
    """The one that is paid for; empty if the service did not say."""
    usage: ResponseUsage = field(default_factory=ResponseUsage)
    seconds: float = 0.0
    """Of speech, where the model is billed by its length."""
    cost_usd: float | None
    """None if no price is known."""

    @property
    def tokens(self) -> int:
        """All tokens, cached or not."""
        return self.usage.input + self.usage.output

    @property
    def is_nothing(self) -> bool:
        """Whether nothing was taken that could cost anything."""
        return not self.tokens and not self.seconds


def make_charge(usage: Mapping[str, Any], prices: Mapping[str, Prices], model: str) -> Charge:
    """Return the charge of a `usage` object of either kind, by tokens or by the length of the speech."""
    tokens, seconds = read_usage(usage), read_seconds(usage)
    known = find_prices(prices, model)
    by_minute = bool(seconds)
    if known is not None and by_minute != bool(known.minute) and (tokens.input or tokens.output or seconds):
        known = None  # the table has a price for what the service did not tell
    cost = None if known is None else known.cost(tokens, seconds)
    return Charge(model=model, usage=tokens, seconds=seconds, cost_usd=cost)
