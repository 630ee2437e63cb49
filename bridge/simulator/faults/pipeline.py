"""What a connection sends and when, faults included. Sans-I/O: session outputs and times in, timed actions out.

Each connection owns one `FaultPipeline`. Whatever the session sends passes through the faults in order; each fault can
delay, repeat, replace or drop it, and insert actions of its own. The result waits in a queue, each action with the time
at which it is due, until `service/connection.py` takes it with `pop_due`. Nothing here sleeps or sends.
"""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from bridge.simulator.faults.actions import CLIENT_MOMENTS, CONNECT_MOMENT, CloseFrame, TextFrame, TimedAction
from bridge.simulator.faults.base import FaultState
from bridge.simulator.session.state import ServerClose, ServerEvent, ServerOutput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bridge.simulator.faults.actions import WireAction
    from bridge.simulator.faults.base import Fault


class FaultPipeline:
    """The outgoing side of one connection."""

    __slots__ = ("_faults", "_queue", "_seed")

    def __init__(self, faults: Sequence[Fault], seed: int) -> None:
        """Each fault gets its own random generator, derived from `seed`, so that faults do not disturb one another."""
        self._seed = seed
        self._faults: list[tuple[Fault, FaultState]] = []
        self._queue: deque[TimedAction] | None = None
        """None while nothing waits: an empty deque takes 0.7 KiB."""
        self.add_faults(faults)

    def add_faults(self, faults: Sequence[Fault]) -> None:
        """Append faults to the pipeline. What is queued already does not pass through them."""
        for index, fault in enumerate(faults, len(self._faults)):
            self._faults.append((fault, FaultState(random.Random(f"{self._seed}:{index}"))))

    def on_connect(self, now: float) -> None:
        """Run the faults tied to `connect`. Call this once, right after the 101."""
        for index, (fault, state) in enumerate(self._faults):
            self._queue_through(fault.on_moment(CONNECT_MOMENT, now, state), index + 1)

    def send(self, outputs: Iterable[ServerOutput], now: float) -> None:
        """Queue what the session sends, after it has passed through every fault."""
        actions = (TimedAction(now, _action_for(output)) for output in outputs)
        self._queue_through(actions, 0)

    def on_client_event(self, event_type: str | None, now: float) -> None:
        """Run the faults tied to this client event. Call this after `send` has taken the session's answer to it."""
        if not self._faults:
            return
        for index, (fault, state) in enumerate(self._faults):
            for moment, types in CLIENT_MOMENTS.items():
                if event_type in types:
                    self._queue_through(fault.on_moment(moment, now, state), index + 1)

    def send_first(self, timed: TimedAction) -> None:
        """Put an action in front of everything that is queued. It passes through no fault."""
        if self._queue is None:
            self._queue = deque()
        self._queue.appendleft(timed)

    @property
    def next_due_at(self) -> float | None:
        """When the next action is due; None if the queue is empty."""
        return self._queue[0].due_at if self._queue else None

    def pop_due(self, now: float) -> Iterator[WireAction]:
        """Take the actions that are due by now, in order."""
        while self._queue and self._queue[0].due_at <= now:
            action = self._queue.popleft().action
            if not self._queue:
                self._queue = None
            yield action

    def _queue_through(self, actions: Iterable[TimedAction], first: int) -> None:
        """Queue actions after they have passed through the faults from index `first` on."""
        for fault, state in self._faults[first:]:
            actions = _apply(fault, state, actions)
        for timed in actions:
            if self._queue is None:
                self._queue = deque()
            self._queue.append(timed)


def _apply(fault: Fault, state: FaultState, actions: Iterable[TimedAction]) -> Iterator[TimedAction]:
    for timed in actions:
        yield from fault.on_action(timed, state)


def _action_for(output: ServerOutput) -> WireAction:
    match output:
        case ServerEvent(event_type, event):
            return TextFrame(event_type, msgspec.json.encode(event))
        case ServerClose(code, reason):
            return CloseFrame(code, reason)
