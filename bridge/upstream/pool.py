"""A few upstream sessions opened ahead of time, for clients whose wish is the usual one: a caller waits less.

What is kept ready is a socket whose session the upstream has confirmed; it is configured when it is handed out, so only
model and kind must fit. A session that ages, or that the upstream ends, is replaced behind the scenes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import trio

from bridge.core.backoff import delay_seconds
from bridge.core.events import SessionCreated
from bridge.transport.keepalive import PING_INTERVAL_SECONDS, wait_until_dead
from bridge.upstream.failures import ConnectFailed, UpstreamClosed, upstream_unavailable
from bridge.upstream.session_config import SessionConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.events import Failure
    from bridge.upstream.connector import Connector, UpstreamLink
    from bridge.upstream.event_decoder import DecodedEvent

#: One that was lost sooner counts as a failure to open.
STABLE_SECONDS = 10.0
#: Events kept for the client while a session waits: more than this nobody sends to a silent session.
_MAX_KEPT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """How many, and how long."""

    size: int = 2
    session_options: Mapping[str, Any] = field(default_factory=dict)
    """What the sessions are opened for."""
    max_age_seconds: float = 600.0
    """A session's time runs while it waits: of an hour, this much is given away at the most."""
    open_seconds: float = 15.0
    """For opening one, its first event included."""
    close_seconds: float = 0.8
    base_seconds: float = 1.0
    cap_seconds: float = 60.0
    """Waits after openings that failed grow from the one to the other: nobody is on the line."""
    ping_seconds: float = PING_INTERVAL_SECONDS


class _Warm:
    """One session that waits."""

    def __init__(self, link: UpstreamLink, settings: PoolSettings) -> None:
        self.link = link
        self.kept: deque[DecodedEvent] = deque()
        """What it said while it waited."""
        self.taken = False
        self.lost = False
        self.failure: Failure | None = None
        """Why it was lost."""
        self.waiting = trio.CancelScope()
        self.let_go = trio.Event()
        """The pool does not read it any more."""
        self._settings = settings
        self._created = trio.Event()
        self._heard_at = trio.current_time()

    @property
    def created(self) -> bool:
        """Whether there ever was a session."""
        return self._created.is_set()

    async def wait(self, ready: Callable[[], None]) -> None:
        """Be read, pinged and kept until it is taken, aged or lost; `ready` is called once it can be handed out.

        Closes it unless it was taken. Cancelling closes it too, within bounds.
        """
        try:
            with self.waiting:
                await self._wait(ready)
        except* UpstreamClosed as over:
            self.lost = True
            self.failure = next((one.failure for one in over.exceptions if isinstance(one, UpstreamClosed)), None)
        finally:
            if not self.taken:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + self._settings.close_seconds):
                    await self.link.close("not needed")
            self.let_go.set()

    async def _wait(self, ready: Callable[[], None]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read)
            nursery.start_soon(self._watch)
            with trio.move_on_after(self._settings.open_seconds):
                await self._created.wait()
                ready()
                nursery.cancel_scope.deadline = trio.current_time() + self._settings.max_age_seconds
                return
            raise UpstreamClosed(upstream_unavailable("The upstream created no session."), "no session")

    async def _read(self) -> None:
        """Read and keep what comes, so that pings are answered and the end is seen."""
        while len(self.kept) < _MAX_KEPT:
            event = await self.link.receive()
            self._heard_at = trio.current_time()
            self.kept.append(event)
            if isinstance(event, SessionCreated):
                self._created.set()
        raise UpstreamClosed(upstream_unavailable("The upstream talks to nobody."), "it talks to nobody")

    async def _watch(self) -> None:
        await wait_until_dead(self.link, lambda: self._heard_at, interval_seconds=self._settings.ping_seconds)
        raise UpstreamClosed(upstream_unavailable("The upstream does not answer pings any more."), "missed pings")


class PooledLink:
    """A session out of the pool: first what it said while it waited, then itself."""

    def __init__(self, warm: _Warm, generation: int) -> None:
        self._link, self._kept = warm.link, warm.kept
        self.generation = generation
        self._link.generation = generation

    @property
    def pings_outstanding(self) -> int:
        """How many pings wait for their pong."""
        return self._link.pings_outstanding

    @property
    def acknowledged_bytes(self) -> int:
        """How much of the speech the upstream has certainly taken."""
        return self._link.acknowledged_bytes

    async def receive(self) -> DecodedEvent:
        """Wait for the next event; see UpstreamLink."""
        if self._kept:
            await trio.lowlevel.checkpoint()
            return replace(self._kept.popleft(), generation=self.generation)
        return await self._link.receive()

    async def configure(self, wish: Mapping[str, Any], updates: Mapping[str, Any]) -> None:
        """Send the configuration."""
        await self._link.configure(wish, updates)

    async def send_audio(self, pcm: bytes, event_id: str | None = None) -> None:
        """Append speech."""
        await self._link.send_audio(pcm, event_id)

    async def send_event(self, event: Mapping[str, Any]) -> None:
        """Send a native event."""
        await self._link.send_event(event)

    async def send_frame(self, frame: bytes) -> None:
        """Send a native event as it stands."""
        await self._link.send_frame(frame)

    async def ping(self) -> None:
        """Send a WebSocket ping."""
        await self._link.ping()

    async def close(self, reason: str) -> None:
        """Say goodbye and let go."""
        await self._link.close(reason)


class SessionPool:
    """A `Connector` that has some sessions ready. Without a running `start` it only passes on."""

    def __init__(
        self,
        connector: Connector,
        *,
        session_config: SessionConfig | None = None,
        settings: PoolSettings | None = None,
        rng: Callable[[], float],
        on_failure: Callable[[Failure], None] = lambda _: None,
    ) -> None:
        """`asking` is the connector's own; `chance` gives numbers in [0, 1) for the waits after failures.

        `on_failed` is told of every opening that failed: nobody is on the line who would hear of it.
        """
        self._connector, self._chance, self._on_failed = connector, rng, on_failure
        self._asking, self._settings = session_config or SessionConfig(), settings or PoolSettings()
        self._ready: deque[_Warm] = deque()

    def start(self, nursery: trio.Nursery) -> None:
        """Keep sessions ready until the nursery is cancelled, which closes them."""
        for _ in range(self._settings.size):
            nursery.start_soon(self._keep)

    @property
    def ready_count(self) -> int:
        """How many can be handed out at once."""
        return len(self._ready)

    async def open(self, generation: int, wish: Mapping[str, Any]) -> UpstreamLink:
        """Hand out a session that fits, or open one. Raises ConnectFailed; cancelling leaves nothing open."""
        while self._fits(wish) and self._ready:
            warm = self._ready.popleft()
            warm.taken = True
            warm.waiting.cancel()
            with trio.CancelScope(shield=True):  # its reader needs a moment to stop, and then the session is ours
                await warm.let_go.wait()
            if not warm.lost:
                return PooledLink(warm, generation)
            await warm.link.close("lost")
        return await self._connector.open(generation, wish)

    def _fits(self, wish: Mapping[str, Any]) -> bool:
        asking, usual = self._asking, self._settings.session_options
        return (asking.requested_model(wish), asking.requested_kind(wish)) == (
            asking.requested_model(usual),
            asking.requested_kind(usual),
        )

    async def _keep(self) -> None:
        """Keep one place filled."""
        failures = 0
        while True:
            began = trio.current_time()
            retry_after = await self._fill()
            lived = trio.current_time() - began
            if retry_after is None or lived >= STABLE_SECONDS:
                failures = 0
                continue
            failures += 1
            await trio.sleep(self._delay(failures, retry_after))

    async def _fill(self) -> float | None:
        """Open one and let it wait until it is of no more use; None when it was, else how long to wait at least."""
        settings = self._settings
        try:
            with trio.fail_after(settings.open_seconds):
                link = await self._connector.open(0, settings.session_options)
        except ConnectFailed as failed:
            self._on_failed(failed.failure)
            return failed.failure.retry_after_seconds or 0.0
        except trio.TooSlowError:
            self._on_failed(upstream_unavailable(f"The upstream was not reached within {settings.open_seconds:g} s."))
            return 0.0
        warm = _Warm(link, settings)
        try:
            await warm.wait(lambda: self._ready.append(warm))
        finally:
            if warm in self._ready:
                self._ready.remove(warm)
        if warm.failure is not None and not warm.created:
            self._on_failed(warm.failure)
        return 0.0 if warm.lost else None

    def _delay(self, failures: int, retry_after: float) -> float:
        return delay_seconds(
            failures + 1,
            self._chance,
            base_seconds=self._settings.base_seconds,
            cap_seconds=self._settings.cap_seconds,
            retry_after_seconds=retry_after,
        )
