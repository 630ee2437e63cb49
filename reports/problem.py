"""What a problem is: a way to fail that this toolkit names itself, told apart from what a service says in its refusals.

Only the shape. The values stand in `problems_way.py`, `problems_service.py` and `problems.py`, the module that knows
them all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reports.model import Severity


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that a probe can find. The texts hold in general; where one is met they may say more of it."""

    slug: str
    """Stable name, upper case with dashes; behind a probe's name it is a finding's code."""
    title: str
    """One plain sentence without a full stop."""
    cause: str
    fix: str
    """What to do next. Each line is a whole command, or a sentence that begins with a capital."""
    severity: Severity = field(default=Severity.FAIL, kw_only=True)
    """FAIL: somebody answered, and wrongly. ERROR: nobody could be asked. INFO: neither good nor bad."""
    probe: str = field(default="access", kw_only=True)
    """Who met it first; other probes share it under their own name."""

    @property
    def code(self) -> str:
        """The finding's code."""
        return f"{self.probe.upper()}-{self.slug}"
