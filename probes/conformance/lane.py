"""A lane: one bridge, one upstream of the suite, and the cases that run there one behind the other.

Every upstream connection of a lane belongs to its running case, whatever the bridge does, so no bridge needs to say
whose it is. Several lanes run side by side, each with a bridge process of its own.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import trio

from probes.conformance.case import Need
from probes.conformance.context import CaseContext
from probes.conformance.judge import close_clients, judge
from probes.conformance.peers.barrier import until_answered
from probes.conformance.peers.connector import SocketOpener
from probes.conformance.peers.upstream import ScriptedUpstream
from probes.conformance.peers.waiting import Waiter
from probes.conformance.peers.wire_log import SUITE, WireLog
from probes.conformance.result import CaseResult
from probes.conformance.tested.bridges import BridgeAddress, StartedBridge
from probes.conformance.tested.process import BridgeStartError
from probes.conformance.verdict import Failed, Inconclusive, NotApplicable, Passed

if TYPE_CHECKING:
    from probes.conformance.case import Case
    from probes.conformance.peers.lateness import Lateness
    from probes.conformance.profile import Profile
    from probes.conformance.tested.process import BridgeProcess
    from probes.conformance.verdict import Verdict

#: How long the bridge has between two cases to close what it still has open upstream.
_SETTLE_SECONDS: Final = 2.0
_SETTLE_POLL_SECONDS: Final = 0.01
_DIES_SECONDS: Final = 0.5
#: A case may have this many clients.
_CALLERS_PER_CASE: Final = 1_000


@dataclass(slots=True, kw_only=True)
class Lane:
    """One bridge and its upstream. `open` it, run cases, and `aclose` it."""

    nursery: trio.Nursery
    lateness: Lateness
    profile: Profile
    token: str
    listen: tuple[str, int]
    """Where the upstream listens; port 0 for any."""
    bridge: StartedBridge | BridgeAddress
    upstream: ScriptedUpstream = field(default_factory=ScriptedUpstream)
    address: BridgeAddress | None = field(default=None, init=False)
    _upstream_scope: trio.CancelScope = field(default_factory=trio.CancelScope, init=False)
    _caller: int = field(default_factory=lambda: random.randrange(2**40) * _CALLERS_PER_CASE, init=False)

    async def open_upstream(self) -> None:
        """Listen. Raises OSError if the port is taken."""
        host, port = self.listen
        self.listen = await self.nursery.start(self._serve_upstream, host, port)

    async def _serve_upstream(
        self, host: str, port: int, *, task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED
    ) -> None:
        self._upstream_scope = trio.CancelScope()
        with self._upstream_scope:
            await self.upstream.serve(host, port, task_status=task_status)

    async def set_upstream_listening(self, listening: bool) -> None:
        """Refuse connections, or accept them again."""
        if not listening:
            self._upstream_scope.cancel()
        elif self._upstream_scope.cancel_called:
            await self.nursery.start(self._serve_upstream, *self.listen)

    async def open_bridge(self) -> None:
        """Start the bridge, if it is for the suite to start. Raises BridgeStartError."""
        if isinstance(self.bridge, BridgeAddress):
            self.address = self.bridge
        else:
            self.address = await self.bridge.start(self.nursery)

    @property
    def base_url(self) -> str:
        """The base URL of the upstream."""
        host, port = self.listen
        return f"http://{host}:{port}/v1"

    @property
    def process(self) -> BridgeProcess | None:
        """The process of the bridge, if the suite started it."""
        return self.bridge.process if isinstance(self.bridge, StartedBridge) else None

    async def aclose(self) -> None:
        """End the bridge's process."""
        if isinstance(self.bridge, StartedBridge):
            await self.bridge.stop()

    async def run(self, case: Case) -> CaseResult:
        """Run one case and leave the lane ready for the next one."""
        if Need.OWN_PROCESS in case.needs and self.process is None:
            return self._unrun(case, NotApplicable("it ends the bridge: the suite must start it (--start)"))
        try:
            await self._ensure_bridge()
        except BridgeStartError as error:
            return self._unrun(case, Inconclusive(f"the bridge did not start again: {error}"))
        result = await self._run(case)
        await self._settle()
        if Need.OWN_PROCESS in case.needs:
            await self.aclose()
        return result

    def _unrun(self, case: Case, verdict: Verdict) -> CaseResult:
        return CaseResult(case=case, verdict=verdict, timeline=WireLog().timeline(case.id))

    async def _ensure_bridge(self) -> None:
        if self.address is None or (self.process is not None and not self.process.is_running):
            await self.aclose()
            await self.open_bridge()

    async def _run(self, case: Case) -> CaseResult:
        if self.address is None:
            return self._unrun(case, Inconclusive("there is no bridge: a fault of the suite"))
        log = WireLog()
        self.upstream.start_case(log)
        async with trio.open_nursery() as nursery:
            context = self.context(nursery, self.address, log)
            verdict = await judge(case, context)
            log.add(SUITE, type(verdict).__name__.lower())
            ends, sockets = await close_clients(context)
            nursery.cancel_scope.cancel()
        verdict = await self._with_end_of_process(case, verdict)
        if self.process is not None and not self.process.is_running:
            ends, sockets = (), 0  # its process is gone, and ended its sockets
        lines = self.process.last_lines() if self.process and not isinstance(verdict, Passed | NotApplicable) else ""
        return CaseResult(
            case=case,
            verdict=verdict,
            timeline=log.timeline(case.id),
            seconds=trio.current_time() - log.started,
            ends=ends,
            sockets=sockets,
            output=lines.removeprefix("; its last lines: "),
        )

    def context(self, nursery: trio.Nursery, address: BridgeAddress, log: WireLog) -> CaseContext:
        """Make what a case works with. `nursery` is the case's own."""
        self._caller += _CALLERS_PER_CASE
        connector = SocketOpener(
            nursery=nursery,
            address=address,
            profile=self.profile,
            waiter=Waiter(log, self.lateness),
            process=self.process,
            token=self.token,
            first_caller=self._caller,
        )
        return CaseContext(
            connector=connector,
            upstream=self.upstream,
            log=log,
            set_upstream_listening=self.set_upstream_listening,
        )

    async def _with_end_of_process(self, case: Case, verdict: Verdict) -> Verdict:
        process = self.process
        if process is None or Need.OWN_PROCESS in case.needs:
            return verdict
        if isinstance(verdict, Failed):
            # Its sockets end before the process does.
            with trio.move_on_after(_DIES_SECONDS):
                await process.wait()
        if process.is_running:
            return verdict
        ended = f"the bridge ended {process.how_it_ended()} during this case{process.last_lines()}"
        return Failed("the bridge keeps running", ended)

    async def _settle(self) -> None:
        await self.set_upstream_listening(True)
        # What the bridge did before it saw that the case's clients have left may still be on its way.
        if self.address is not None and not self.address.secure:
            await until_answered(self.address.host, self.address.port)
        await until_answered(*self.listen)
        with trio.move_on_after(_SETTLE_SECONDS):
            while self.upstream.open_sessions:  # noqa: ASYNC110 - the log that tells of changes has ended
                await trio.sleep(_SETTLE_POLL_SECONDS)
        if self.upstream.open_sessions:
            # The bridge has left sessions behind, and may replace them: they must not come into the next case.
            await self.aclose()
        self.upstream.end_case()


async def open_lane(lane: Lane) -> None:
    """Open upstream and bridge of a lane. Raises OSError and BridgeStartError."""
    await lane.open_upstream()
    if isinstance(lane.bridge, StartedBridge):
        lane.bridge.base_url = lane.base_url
    await lane.open_bridge()
