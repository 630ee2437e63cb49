"""Checks that stand on each other: run in order, timed, bounded, and skipped by name when what they need has failed.

A check that fails or can't look takes the checks behind it with it: they are *skipped*, with the one cause named, never
passed. A check that skips itself (nothing to look at here) takes nobody with it.
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

#: Outcomes that keep the checks behind from running.
_BLOCKING = frozenset({Severity.FAIL, Severity.ERROR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Generic[S]):
    """One thing to look at. `S` is what the checks of a probe share and add to."""

    name: str
    """Its row."""
    run: Callable[[S], Awaitable[Finding]]
    on_timeout: Callable[[S], Finding]
    """What it means that nothing came in time."""
    skip_reason: str
    """What is missing behind it when it fails: `no session`."""
    needs: tuple[str, ...] = ()
    timed: bool = True
    """False where the time it took says nothing."""


async def run_checks(
    probe: str,
    checks: Sequence[Check[S]],
    context: S,
    *,
    timeout: float,
    on_progress: Callable[[str], None] = lambda _: None,
) -> AsyncGenerator[Finding, None]:
    """Run each check within `timeout` seconds of its own; `doing` hears the name of the one that runs.

    No scope is open while a finding is handed out, so that the caller may stop at any of them.
    """
    blocked: dict[str, Check[S]] = {}
    for check in checks:
        root = next((blocked[need] for need in check.needs if need in blocked), None)
        if root is not None:
            blocked[check.name] = root
            yield CheckRow(probe, check.name).skipped(root.skip_reason, Evidence("waits for", root.name))
            continue
        on_progress(check.name)
        finding = await _looked(check, context, timeout)
        if finding.severity in _BLOCKING:
            blocked[check.name] = check
        yield finding


async def _looked(check: Check[S], shared: S, timeout: float) -> Finding:
    began = trio.current_time()
    finding: Finding | None = None
    with trio.move_on_after(timeout):
        finding = await check.run(shared)
    finding = finding or check.on_timeout(shared)
    took = trio.current_time() - began
    return replace(finding, seconds=took) if check.timed and finding.seconds is None else finding
