"""Runs several probes in parallel. Each starts when its requirements are met, and is skipped if one of them fails.

A requirement is a probe (`access`: all its checks ended without failure) or one row of a probe (`access:key`: that row
didn't fail; later rows of the probe don't matter). This module doesn't know what the probes check.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import trio

from probes.runner.findings import CheckRow, evidence_of
from probes.runner.runner import crash_finding
from probes.runner.usage import find_usage_error
from reports.model import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from probes.runner.findings import ProbeItem

log = logging.getLogger(__name__)

_BLOCKING = frozenset({Severity.FAIL, Severity.ERROR})
#: The row of a probe that was skipped as a whole; `ALL_CHECKS` in the registry explains its code.
_ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelProbe:
    """One of the probes to run in parallel."""

    name: str
    run: Callable[[], AsyncGenerator[ProbeItem, None]]
    needs: tuple[str, ...] = ()
    """`probe` or `probe:row`; every probe named here must be one of the parallel probes."""


async def run_parallel(probes: Sequence[ParallelProbe]) -> AsyncGenerator[ProbeItem, None]:
    """Run the probes in parallel and yield their items as they come.

    An exception of a probe becomes a finding; only UsageError is raised, in an exception group. Raises ValueError if a
    requirement names an unknown probe, or if requirements form a cycle.

    The generator keeps a nursery open: iterate and close it in the same task, with `aclosing`. Cancelling or closing it
    ends all probes.
    """
    check_needs({probe.name: probe.needs for probe in probes})
    # No buffer: the caller stores the items, and a probe gains nothing by running ahead.
    send: trio.MemorySendChannel[ProbeItem]
    receive: trio.MemoryReceiveChannel[ProbeItem]
    send, receive = trio.open_memory_channel(0)
    progress = {probe.name: _Progress(probe.name) for probe in probes}
    async with trio.open_nursery() as nursery, receive:
        async with send:
            for probe in probes:
                nursery.start_soon(_run, probe, progress, send.clone())
        try:
            async for item in receive:
                yield item
        except GeneratorExit:
            nursery.cancel_scope.cancel()


def check_needs(needs: Mapping[str, tuple[str, ...]]) -> None:
    """Check that requirements name known probes and form no cycle. Raises ValueError."""
    wanted = {name: {need.partition(":")[0] for need in own} for name, own in needs.items()}
    for name, others in wanted.items():
        if missing := sorted(others - set(needs)):
            raise ValueError(f"{name} needs {', '.join(missing)}, which is not one of the probes")
    while wanted:
        free = {name for name, others in wanted.items() if not others & set(wanted)}
        if not free:
            raise ValueError(f"these probes need each other: {', '.join(sorted(wanted))}")
        wanted = {name: others for name, others in wanted.items() if name not in free}


@dataclass(slots=True)
class _Progress:
    """The progress of one probe: the state of its rows, and its first failure."""

    name: str
    rows: dict[str, Finding | None] = field(default_factory=dict)
    """Rows that have a finding: None if the row didn't fail, else the failure that is its cause."""
    cause: Finding | None = None
    """The first failure, in this probe or in one that it needs."""
    ended: trio.Event = field(default_factory=trio.Event)
    decided: dict[str, trio.Event] = field(default_factory=lambda: defaultdict(trio.Event))

    def add(self, finding: Finding) -> None:
        """Update the row of a finding."""
        cause = None
        if finding.severity in _BLOCKING:
            self.cause = self.cause or finding
            cause = finding
        elif finding.severity is Severity.SKIPPED:
            cause = self.cause  # None if nothing has failed: the check then doesn't apply here
        self.rows[finding.check] = self.rows.get(finding.check) or cause
        self.decided[finding.check].set()

    def end(self) -> None:
        """Record the end of the probe: it will yield nothing more."""
        self.ended.set()
        for event in self.decided.values():
            event.set()

    async def why_not(self, row: str) -> Finding | None:
        """Wait for the row (empty: the whole probe) to end; return the cause of its failure, None if it didn't fail."""
        if not row:
            await self.ended.wait()
            return self.cause
        if not self.ended.is_set():
            await self.decided[row].wait()
        if row in self.rows:
            return self.rows[row]
        return self.cause or CheckRow(self.name, row).skipped("never reported")


async def _run(
    probe: ParallelProbe, progress: Mapping[str, _Progress], send: trio.MemorySendChannel[ProbeItem]
) -> None:
    mine = progress[probe.name]
    async with send:
        mine.cause = await _unmet(probe.needs, progress)
        if mine.cause is not None:
            mine.end()
            await send.send(_skipped(probe.name, mine.cause))
            return
        try:
            await _run_probe(probe, mine, send)
        except Exception as error:
            if find_usage_error(error) is not None:
                raise
            log.exception("the probe %s crashed", probe.name)
            crash = replace(crash_finding(error, verbose=False), probe=probe.name)
            mine.add(crash)
            await send.send(crash)
        finally:
            mine.end()


async def _run_probe(probe: ParallelProbe, mine: _Progress, send: trio.MemorySendChannel[ProbeItem]) -> None:
    async with aclosing(probe.run()) as items:
        async for item in items:
            if isinstance(item, Finding):
                mine.add(item)
            await send.send(item)


async def _unmet(needs: Sequence[str], progress: Mapping[str, _Progress]) -> Finding | None:
    """Wait for the requirements in turn; return the cause of the first that isn't met, None if all are."""
    for need in needs:
        name, _, row = need.partition(":")
        cause = await progress[name].why_not(row)
        if cause is not None:
            return cause
    return None


def _skipped(name: str, cause: Finding) -> Finding:
    """Make the one finding for a probe that was skipped as a whole; it names the row that failed."""
    row = CheckRow(name, _ALL)
    if cause.severity is Severity.SKIPPED:
        return row.skipped(f"{cause.probe} has no result for {cause.check}", evidence_of("needs", cause.probe))
    needed = evidence_of("needs", f"{cause.probe}: {cause.check} ({cause.code})")
    return row.skipped(f"{cause.probe} failed at {cause.check}", needed)
