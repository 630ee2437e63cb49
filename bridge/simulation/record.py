"""What happened in one run, as data: the runner writes it, the invariants read it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.simulation.connection import ConnectionRecord
    from bridge.simulation.plan import SimulationPlan
    from bridge.simulation.trace import Trace


@dataclass(slots=True)
class RunRecord:
    """One run. Times are seconds of the virtual clock."""

    plan: SimulationPlan
    trace: Trace
    connections: list[ConnectionRecord] = field(default_factory=list)
    """Every connection of every caller, in the order in which they were opened."""
    errors: list[BaseException] = field(default_factory=list)
    """Exceptions that the bridge didn't handle: its own bugs."""
    drained_at: float | None = None
    """When the bridge was asked to drain; None: never."""
    ended_at: float = math.inf
    """When everything that still ran was cancelled."""
    seconds: float = 0.0
    """How long the run took."""
    hung: bool = False
    """Whether the run reached its time limit."""
