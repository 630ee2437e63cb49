"""Runs the cases of a plan in lanes, side by side, and yields each result as it comes."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

import trio

from probes.conformance.lane import Lane, open_lane
from probes.conformance.peers.lateness import Lateness
from probes.conformance.preflight import preflight
from probes.conformance.result import CaseResult, Unreachable
from probes.conformance.tested.bridges import BridgeAddress, StartCommand, StartedBridge
from probes.conformance.tested.process import BridgeStartError
from probes.problems.conformance import CANT_LISTEN, NOT_STARTED

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from probes.conformance.case import Case
    from probes.conformance.options import ConformancePlan


@dataclass(slots=True, kw_only=True)
class ConformanceRun:
    """One run. `results` yields results until all cases have run; `lateness` says how late the machine was."""

    plan: ConformancePlan
    token: str = ""
    on_progress: Callable[[str], None] = lambda _: None
    lateness: Lateness = field(default_factory=Lateness)
    _pending: deque[Case] = field(default_factory=deque)
    _done: int = 0

    async def results(self) -> AsyncGenerator[CaseResult | Unreachable, None]:
        """Run everything. Iterate and close it in the same task, with `aclosing`: it keeps a nursery open."""
        self._pending = deque(sorted(self.plan.cases, key=lambda case: -case.seconds))
        send: trio.MemorySendChannel[CaseResult | Unreachable]
        receive: trio.MemoryReceiveChannel[CaseResult | Unreachable]
        # No buffer: the caller stores the results, and a lane gains nothing by running ahead.
        send, receive = trio.open_memory_channel(0)
        async with trio.open_nursery() as nursery, receive:
            nursery.start_soon(self.lateness.run)
            nursery.start_soon(self._run_all, send)
            async for result in receive:
                yield result
            nursery.cancel_scope.cancel()

    async def _run_all(self, send: trio.MemorySendChannel[CaseResult | Unreachable]) -> None:
        """Check the first lane's bridge; then run the cases in all lanes."""
        async with send, trio.open_nursery() as nursery:
            first = self._lane(nursery)
            self.on_progress("whether the bridge is there")
            try:
                unreachable = await self._open_first(first)
                if unreachable is None:
                    await self._run_lanes(first, nursery, send)
                else:
                    await send.send(unreachable)
            finally:
                await first.aclose()
            nursery.cancel_scope.cancel()

    async def _run_lanes(
        self, first: Lane, nursery: trio.Nursery, send: trio.MemorySendChannel[CaseResult | Unreachable]
    ) -> None:
        async with trio.open_nursery() as lanes:
            lanes.start_soon(self._run_lane, first, send.clone())
            for _ in range(self.plan.jobs - 1):
                lanes.start_soon(self._run_lane, self._lane(nursery), send.clone())

    def _lane(self, nursery: trio.Nursery) -> Lane:
        bridge: BridgeAddress | StartedBridge
        match self.plan.bridge:
            case BridgeAddress() as address:
                bridge = address
            case StartCommand() as command:
                bridge = StartedBridge(command=command, base_url="", environment=os.environ)
            case _:
                assert_never(self.plan.bridge)
        return Lane(
            nursery=nursery,
            lateness=self.lateness,
            profile=self.plan.profile,
            token=self.token,
            listen=self.plan.listen,
            bridge=bridge,
        )

    async def _open_first(self, lane: Lane) -> Unreachable | None:
        try:
            await open_lane(lane)
        except OSError as error:
            return Unreachable(problem=CANT_LISTEN, seen=f"{lane.base_url}: {error.strerror or error}")
        except BridgeStartError as error:
            return Unreachable(problem=NOT_STARTED, seen=str(error))
        return await preflight(lane)

    async def _run_lane(self, lane: Lane, send: trio.MemorySendChannel[CaseResult | Unreachable]) -> None:
        try:
            async with send:
                if lane.address is None:
                    try:
                        await open_lane(lane)
                    except (OSError, BridgeStartError):
                        return  # the other lanes run its cases
                while self._pending:
                    case = self._pending.popleft()
                    self._done += 1
                    self.on_progress(f"{case.id} {case.title} ({self._done} of {len(self.plan.cases)})")
                    await send.send(await lane.run(case))
        finally:
            await lane.aclose()
