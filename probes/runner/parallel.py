"""Several probes at once: each begins when what it needs holds, and what hangs behind a failure is skipped by name.

A need is a probe (`access`: all of it ended well) or one row of a probe (`access:key`: that row was told and did not
fail; what comes behind it in that probe does not matter). It knows neither what the probes look at nor what they find.
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
#: The row of a part that was skipped as a whole; `problems_watch` explains its code.
_ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelProbe:
    """One probe of several."""

    name: str
    run: Callable[[], AsyncGenerator[ProbeItem, None]]
    needs: tuple[str, ...] = ()
    """`probe` or `probe:row`; every probe named must be a part as well."""


async def run_parallel(parts: Sequence[ParallelProbe]) -> AsyncGenerator[ProbeItem, None]:
    """Run the parts side by side and give what they tell as it comes.

    What a part raises is a finding of its own; only UsageError gets out, in a group. Cancelling, and
    closing the generator, closes all of them. Take the items in one task and close the generator in the same one
    (`aclosing`): tasks run while an item is looked at. Raises ValueError for needs that nobody meets, or in a circle.
    """
    check_needs({part.name: part.needs for part in parts})
    # No buffer: whoever takes the items keeps them, and a part has no reason to run ahead.
    send: trio.MemorySendChannel[ProbeItem]
    receive: trio.MemoryReceiveChannel[ProbeItem]
    send, receive = trio.open_memory_channel(0)
    progress = {part.name: _Progress(part.name) for part in parts}
    async with trio.open_nursery() as nursery, receive:
        async with send:
            for part in parts:
                nursery.start_soon(_run, part, progress, send.clone())
        try:
            async for told in receive:
                yield told
        except GeneratorExit:
            nursery.cancel_scope.cancel()


def check_needs(needs: Mapping[str, tuple[str, ...]]) -> None:
    """Make sure that every need is met by a part, and none by itself in the end. Raises ValueError."""
    wanted = {name: {need.partition(":")[0] for need in said} for name, said in needs.items()}
    for name, others in wanted.items():
        if missing := sorted(others - set(needs)):
            raise ValueError(f"{name} needs {', '.join(missing)}, which is not among the parts")
    while wanted:
        free = {name for name, others in wanted.items() if not others & set(wanted)}
        if not free:
            raise ValueError(f"these parts wait for one another: {', '.join(sorted(wanted))}")
        wanted = {name: others for name, others in wanted.items() if name not in free}


@dataclass(slots=True)
class _Progress:
    """How far one part has come, and what first went wrong in it."""

    name: str
    rows: dict[str, Finding | None] = field(default_factory=dict)
    """Rows that were told: None where it holds, else the cause why it does not."""
    cause: Finding | None = None
    """The first failure, in this part or in what it needs."""
    ended: trio.Event = field(default_factory=trio.Event)
    told: dict[str, trio.Event] = field(default_factory=lambda: defaultdict(trio.Event))

    def note(self, finding: Finding) -> None:
        """Learn from a finding how its row stands."""
        cause = None
        if finding.severity in _BLOCKING:
            self.cause = self.cause or finding
            cause = finding
        elif finding.severity is Severity.SKIPPED:
            cause = self.cause  # a row that is skipped before anything failed has only nothing to look at
        self.rows[finding.check] = self.rows.get(finding.check) or cause
        self.told[finding.check].set()

    def end(self) -> None:
        """Nothing more will be told."""
        self.ended.set()
        for waited in self.told.values():
            waited.set()

    async def why_not(self, row: str) -> Finding | None:
        """Wait until the row (empty: the whole part) is decided, and give the cause why it does not hold."""
        if not row:
            await self.ended.wait()
            return self.cause
        if not self.ended.is_set():
            await self.told[row].wait()
        if row in self.rows:
            return self.rows[row]
        return self.cause or CheckRow(self.name, row).skipped("never told")


async def _run(part: ParallelProbe, progress: Mapping[str, _Progress], send: trio.MemorySendChannel[ProbeItem]) -> None:
    mine = progress[part.name]
    async with send:
        mine.cause = await _missing(part.needs, progress)
        if mine.cause is not None:
            mine.end()
            await send.send(_skipped(part.name, mine.cause))
            return
        try:
            await _look(part, mine, send)
        except Exception as error:
            if find_usage_error(error) is not None:
                raise
            log.exception("the probe %s broke", part.name)
            crash = replace(crash_finding(error, verbose=False), probe=part.name)
            mine.note(crash)
            await send.send(crash)
        finally:
            mine.end()


async def _look(part: ParallelProbe, mine: _Progress, send: trio.MemorySendChannel[ProbeItem]) -> None:
    async with aclosing(part.run()) as all_told:
        async for told in all_told:
            if isinstance(told, Finding):
                mine.note(told)
            await send.send(told)


async def _missing(needs: Sequence[str], progress: Mapping[str, _Progress]) -> Finding | None:
    """Wait for every need in turn, up to the first that does not hold; give its cause."""
    for need in needs:
        name, _, row = need.partition(":")
        cause = await progress[name].why_not(row)
        if cause is not None:
            return cause
    return None


def _skipped(name: str, cause: Finding) -> Finding:
    """Say once for a whole part that it was not looked at, and name the row at the root of it."""
    row = CheckRow(name, _ALL)
    if cause.severity is Severity.SKIPPED:
        return row.skipped(f"{cause.probe} told nothing of {cause.check}", evidence_of("waits for", cause.probe))
    told = evidence_of("waits for", f"{cause.probe}: {cause.check} ({cause.code})")
    return row.skipped(f"{cause.probe} failed at {cause.check}", told)
