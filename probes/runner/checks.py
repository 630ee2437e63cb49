"""Runs checks in order, each with a timeout, and skips the ones whose requirements failed.

If a check fails or can't run, every check that needs it is skipped, and its finding names the cause. A check that skips
itself because it doesn't apply has no such effect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

import trio

from probes.runner.findings import CheckRow
from reports.model import Evidence, Finding, Severity

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

S = TypeVar("S")

#: Outcomes that skip the checks that need this one.
_BLOCKING = frozenset({Severity.FAIL, Severity.ERROR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Generic[S]):
    """One check of a probe. `S` is the state that the checks of the probe share."""

    name: str
    """The name of its row in the report."""
    run: Callable[[S], Awaitable[Finding]]
    on_timeout: Callable[[S], Finding]
    """Makes the finding if `run` doesn't finish in time."""
    skip_reason: str
    """Why the checks that need this one are skipped if it fails: `no session`."""
    needs: tuple[str, ...] = ()
    timed: bool = True
    """False if the duration of the check means nothing."""


async def run_checks(
    probe: str,
    checks: Sequence[Check[S]],
    context: S,
    *,
    timeout: float,
    on_progress: Callable[[str], None] = lambda _: None,
) -> AsyncGenerator[Finding, None]:
    """Run the checks in order, each with its own timeout in seconds, and yield a finding for each.

    `on_progress` is called with the name of each check before it runs. No cancel scope is open during a yield, so the
    caller may stop at any finding.
    """
    blocked: dict[str, Check[S]] = {}
    for check in checks:
        root = next((blocked[need] for need in check.needs if need in blocked), None)
        if root is not None:
            blocked[check.name] = root
            yield CheckRow(probe, check.name).skipped(root.skip_reason, Evidence("needs", root.name))
            continue
        on_progress(check.name)
        finding = await _run(check, context, timeout)
        if finding.severity in _BLOCKING:
            blocked[check.name] = check
        yield finding


async def _run(check: Check[S], shared: S, timeout: float) -> Finding:
    began = trio.current_time()
    finding: Finding | None = None
    with trio.move_on_after(timeout):
        finding = await check.run(shared)
    finding = finding or check.on_timeout(shared)
    took = trio.current_time() - began
    return replace(finding, seconds=took) if check.timed and finding.seconds is None else finding
