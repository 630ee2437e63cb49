"""How long a client may talk, and how much its responses may take: the operator's limits. None by default."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from bridge.core.spending.charges import Charge


#: The code and the message of the error for whoever asks for more than a cap allows.
BUDGET_ERROR: Final = ("BUDGET_EXHAUSTED", "The spending limit is reached.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The limits of one client connection, over all its sessions; infinity where there is none."""

    idle_seconds: float = inf
    """How long neither side may have spoken: turn detection heard nothing, and there was no answer."""
    max_session_seconds: float = inf
    """From the first request for a session on; sessions that replace each other count as one."""
    max_cost_usd: float = inf
    max_tokens: float = inf
    """Input and output of all responses and transcripts, cached or not."""


class Account(Protocol):
    """Who pays: a client connection, or everybody with the same identity."""

    def charge(self, charge: Charge) -> None:
        """Count what a response or a transcript took."""

    @property
    def exhausted(self) -> bool:
        """Whether nothing more may be asked for."""


@dataclass(slots=True)
class ConnectionAccount:
    """The account of one client connection. What has no known price counts its tokens only."""

    caps: Caps = field(default_factory=Caps)
    tokens: int = 0
    cost_usd: float = 0.0

    def charge(self, charge: Charge) -> None:
        """Count what a response or a transcript took."""
        self.tokens += charge.tokens
        self.cost_usd += charge.cost_usd or 0.0

    @property
    def exhausted(self) -> bool:
        """Whether the connection reached a cap."""
        return self.tokens >= self.caps.max_tokens or self.cost_usd >= self.caps.max_cost_usd
