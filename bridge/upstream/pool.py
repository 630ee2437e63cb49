"""A pool of upstream sessions that are opened ahead of time, so that a caller with the usual options waits less.

A pooled session is a WebSocket whose session the upstream has confirmed. It is configured when a client gets it, so
only the model and the kind must match. The pool replaces sessions that are too old or that the upstream closes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import trio

from bridge.core.events import SessionCreated, UpstreamEvent
from bridge.core.pacing.backoff import delay_seconds
from bridge.transport.keepalive import PING_INTERVAL_SECONDS, wait_until_dead
from bridge.upstream.failures import ConnectFailed, UpstreamClosed, upstream_unavailable
from bridge.upstream.session_config import SessionConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.events import Failure
    from bridge.upstream.event_decoder import DecodedEvent
    from bridge.upstream.link import Connector, UpstreamLink, UpstreamReceiver

#: One that was lost sooner counts as a failure to open.
STABLE_SECONDS = 10.0
#: How many events a waiting session may have: an idle session gets only a few.
_MAX_EVENTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """The pool's size and time limits."""

    size: int = 2
    session_options: Mapping[str, Any] = field(default_factory=dict)
    """The options of `create_session` that the sessions are opened with."""
    max_age_seconds: float = 600.0
    """A session ages while it waits: of its 60 minutes, at most this many seconds are lost."""
    open_seconds: float = 15.0
    """The time limit for opening a session, including its first event."""
    close_seconds: float = 0.8
    base_seconds: float = 1.0
    cap_seconds: float = 60.0
    """After failed openings, the delay grows from `base_seconds` to `cap_seconds`."""
    ping_seconds: float = PING_INTERVAL_SECONDS


class _PooledSession:
    """One session that waits for a client."""

    def __init__(self, link: UpstreamLink, settings: PoolSettings) -> None:
        self.link = link
        self.events: deque[DecodedEvent] = deque()
        """What the upstream sent while the session waited."""
        self.handed_out = False
        self.waiting = trio.CancelScope()
        self.released = trio.Event()
        """Set when the pool has stopped reading the session."""
        self._settings = settings
        self._created = trio.Event()
        self._end: UpstreamClosed | None = None

    @property
    def lost(self) -> bool:
        """Whether the upstream closed the session, or does not answer."""
        return self._end is not None

    @property
    def failure(self) -> Failure | None:
        """Why it was lost."""
        return None if self._end is None else self._end.failure

    @property
    def created(self) -> bool:
        """Whether the upstream has confirmed the session."""
        return self._created.is_set()

    async def wait(self, ready: Callable[[], None]) -> None:
        """Read and ping the session until it is handed out, too old or lost. Call `ready` once it can be handed out.

        Closes the session unless it was handed out. Cancelling closes it too, within `close_seconds`.
        """
        try:
            with self.waiting:
                await self._wait(ready)
        finally:
            if not self.handed_out:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + self._settings.close_seconds):
                    await self.link.close("not needed")
            self.released.set()

    async def _wait(self, ready: Callable[[], None]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._run, nursery.cancel_scope)
            nursery.start_soon(self._watch, nursery.cancel_scope)
            with trio.move_on_after(self._settings.open_seconds) as opening:
                await self._created.wait()
                ready()
                nursery.cancel_scope.deadline = trio.current_time() + self._settings.max_age_seconds
            if opening.cancelled_caught:
                self._lose(upstream_unavailable("The upstream created no session."), "no session")
                nursery.cancel_scope.cancel()

    async def _run(self, waiting: trio.CancelScope) -> None:
        """Read and keep events, so that pings are answered and a close is noticed."""
        end = await self.link.run(self)
        self._end = self._end or end
        waiting.cancel()

    def on_event(self, event: DecodedEvent) -> None:
        """Keep an event for the client that gets the session; see UpstreamReceiver."""
        self._keep(event)
        if isinstance(event, SessionCreated):
            self._created.set()

    def on_frame(self, event_type: str, frame: bytes, _: float) -> None:
        """Keep an event whose JSON nobody reads; see UpstreamReceiver."""
        self._keep(UpstreamEvent(self.link.generation, event_type, frame))

    def _keep(self, event: DecodedEvent) -> None:
        if len(self.events) < _MAX_EVENTS:
            self.events.append(event)
        elif self._end is None:
            self._lose(upstream_unavailable("The upstream sent too many events to an idle session."), "too many events")
            self.waiting.cancel()

    async def _watch(self, waiting: trio.CancelScope) -> None:
        await wait_until_dead(self.link, interval_seconds=self._settings.ping_seconds)
        self._lose(upstream_unavailable("The upstream no longer answers pings."), "missed pings")
        waiting.cancel()

    def _lose(self, failure: Failure, reason: str) -> None:
        self._end = self._end or UpstreamClosed(failure, reason)


class PooledLink:
    """A session from the pool: first the events that came while it waited, then its new ones."""

    def __init__(self, session: _PooledSession, generation: int) -> None:
        self._link, self._events = session.link, session.events
        self.generation = generation
        self._link.generation = generation
        self.configure, self.send_audio = self._link.configure, self._link.send_audio
        self.send_event, self.send_frame = self._link.send_event, self._link.send_frame
        self.ping, self.close = self._link.ping, self._link.close

    @property
    def last_received_at(self) -> float:
        """When anything last came from the upstream."""
        return self._link.last_received_at

    @property
    def pings_outstanding(self) -> int:
        """How many pings have no pong yet."""
        return self._link.pings_outstanding

    @property
    def acknowledged_bytes(self) -> int:
        """How much speech the upstream has certainly received."""
        return self._link.acknowledged_bytes

    async def run(self, receiver: UpstreamReceiver) -> UpstreamClosed:
        """Call `receiver` for each event; see UpstreamLink."""
        await trio.lowlevel.checkpoint()
        while self._events:
            receiver.on_event(replace(self._events.popleft(), generation=self.generation))
        return await self._link.run(receiver)


class SessionPool:
    """A `Connector` with some sessions ready. Before `start`, it only passes requests on."""

    def __init__(
        self,
        connector: Connector,
        *,
        session_config: SessionConfig | None = None,
        settings: PoolSettings | None = None,
        rng: Callable[[], float],
        on_failure: Callable[[Failure], None] = lambda _: None,
    ) -> None:
        """`session_config` is the connector's. `rng` returns numbers in [0, 1), for the delays after failures.

        `on_failure` is called with each opening that failed: no client waits for it, so no client hears of it.
        """
        self._connector, self._rng, self._on_failure = connector, rng, on_failure
        self._session_config, self._settings = session_config or SessionConfig(), settings or PoolSettings()
        self._ready: deque[_PooledSession] = deque()

    def start(self, nursery: trio.Nursery) -> None:
        """Keep sessions ready until the nursery is cancelled, which closes them."""
        for _ in range(self._settings.size):
            nursery.start_soon(self._keep_one)

    @property
    def ready_count(self) -> int:
        """How many sessions are ready."""
        return len(self._ready)

    async def open(self, generation: int, session_options: Mapping[str, Any]) -> UpstreamLink:
        """Return a ready session that fits, or open one. Raises ConnectFailed. Cancelling leaves nothing open."""
        while self._fits(session_options) and self._ready:
            session = self._ready.popleft()
            session.handed_out = True
            session.waiting.cancel()
            with trio.CancelScope(shield=True):  # its reader needs a moment to stop, and then the session is ours
                await session.released.wait()
            if not session.lost:
                return PooledLink(session, generation)
            await session.link.close("lost")
        return await self._connector.open(generation, session_options)

    def _fits(self, session_options: Mapping[str, Any]) -> bool:
        config, usual = self._session_config, self._settings.session_options
        return (config.requested_model(session_options), config.requested_kind(session_options)) == (
            config.requested_model(usual),
            config.requested_kind(usual),
        )

    async def _keep_one(self) -> None:
        """Keep one session ready, forever."""
        failures = 0
        while True:
            began = trio.current_time()
            retry_after = await self._fill_once()
            lifetime = trio.current_time() - began
            if retry_after is None or lifetime >= STABLE_SECONDS:
                failures = 0
                continue
            failures += 1
            await trio.sleep(self._delay(failures, retry_after))

    async def _fill_once(self) -> float | None:
        """Open a session and keep it until it is handed out or too old: None. After a failure: the minimum delay."""
        settings = self._settings
        try:
            with trio.fail_after(settings.open_seconds):
                link = await self._connector.open(0, settings.session_options)
        except ConnectFailed as failed:
            self._on_failure(failed.failure)
            return failed.failure.retry_after_seconds or 0.0
        except trio.TooSlowError:
            self._on_failure(upstream_unavailable(f"The upstream was not reached within {settings.open_seconds:g} s."))
            return 0.0
        session = _PooledSession(link, settings)
        try:
            await session.wait(lambda: self._ready.append(session))
        finally:
            if session in self._ready:
                self._ready.remove(session)
        if session.failure is not None and not session.created:
            self._on_failure(session.failure)
        return 0.0 if session.lost else None

    def _delay(self, failures: int, retry_after: float) -> float:
        return delay_seconds(
            failures + 1,
            self._rng,
            base_seconds=self._settings.base_seconds,
            cap_seconds=self._settings.cap_seconds,
            retry_after_seconds=retry_after,
        )
