"""The defects of the faulty bridge, and the queue for one of its clients."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

CLIENT_BYTES = 4 * 2**20
WINDOW_SECONDS = 2.0


class Defect(StrEnum):
    """What the bridge does wrong, one defect at a time."""

    NONE = "none"
    LOSES_CHUNKS = "loses-chunks"
    DOUBLES_CHUNKS = "doubles-chunks"
    SWAPS_CHUNKS = "swaps-chunks"
    DROPS_EARLY = "drops-early"
    READY_EARLY = "ready-early"
    LOSES_WHILE_LOST = "loses-while-lost"
    REPEATS_IN_SILENCE = "repeats-in-silence"
    NEVER_BACK = "never-back"
    DIALS_TWICE = "dials-twice"
    NO_BACKOFF = "no-backoff"
    LATE_EVENTS = "late-events"
    NO_THROTTLE = "no-throttle"
    HIDES_THE_END = "hides-the-end"
    DROPS_IN_SILENCE = "drops-in-silence"
    SWALLOWS_THE_END = "swallows-the-end"
    NO_ROLLOVER = "no-rollover"
    SHOWS_RACES = "shows-races"
    LEAKS_SESSIONS = "leaks-sessions"
    LEAKS_MEMORY = "leaks-memory"
    UNBOUNDED = "unbounded"
    MUTE_ONCE_BACK = "mute-once-back"
    CROSSTALK = "crosstalk"
    ENDS_UNASKED = "ends-unasked"
    DEAF_ONCE_BACK = "deaf-once-back"
    NO_DRAIN = "no-drain"
    DIES_OF_NONSENSE = "dies-of-nonsense"
    IGNORES_NONSENSE = "ignores-nonsense"
    SWALLOWS_UPSTREAM = "swallows-upstream"


@dataclass(slots=True)
class ClientWriter:
    """The bounded queue for one client, and the error throttle: one error in 2 s."""

    ws: ServerConnection
    defect: Defect
    waiting: deque[str] = field(default_factory=deque)
    n_bytes: int = 0
    some: asyncio.Event = field(default_factory=asyncio.Event)
    last_error: float = -100.0
    held_back: dict[str, Any] | None = None
    holds_an_end: bool = False
    suppressed: int = 0
    opening: asyncio.TimerHandle | None = None

    def put(self, text: str) -> None:
        self.waiting.append(text)
        self.n_bytes += len(text)
        self.some.set()
        if self.n_bytes > CLIENT_BYTES and self.defect is not Defect.UNBOUNDED:
            self.ws.transport.abort()

    def tell(self, kind: str, **more: Any) -> None:
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.put(json.dumps({"type": kind, **more, "timestamp": stamp}))

    def fail(self, code: str, message: str, *, ends: bool = False, **more: Any) -> None:
        """Send an error now, or when the window opens. A final error is not replaced by another one."""
        said = {"code": code, "message": message, "retryable": True, **more}
        if self.defect is Defect.NO_THROTTLE or time.monotonic() - self.last_error >= WINDOW_SECONDS + 0.01:
            self._say(said)
        elif self.held_back is None:
            self.held_back, self.holds_an_end = said, ends
            wait = self.last_error + WINDOW_SECONDS + 0.02 - time.monotonic()
            self.opening = asyncio.get_running_loop().call_later(wait, self._window_opens)
        else:
            if ends or not self.holds_an_end or self.defect is Defect.SWALLOWS_THE_END:
                self.held_back, self.holds_an_end = said, ends
            self.suppressed += 1

    def _window_opens(self) -> None:
        if self.held_back is not None:
            self._say(self.held_back)

    def _say(self, said: dict[str, Any]) -> None:
        self.held_back, suppressed, self.suppressed = None, self.suppressed, 0
        if self.opening is not None:
            self.opening.cancel()
        self.last_error = time.monotonic()
        self.tell("error", suppressed=suppressed, **said)

    async def write(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                await self.some.wait()
                self.some.clear()
                while self.waiting:
                    text = self.waiting.popleft()
                    await self.ws.send(text)
                    self.n_bytes -= len(text)
