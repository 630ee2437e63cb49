"""One upstream session whose connection breaks, or that is cancelled at any step: no socket may stay open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from bridge.core.commands import SendAudio
from bridge.core.events import (
    ClientAudio,
    ClientText,
    CreateSession,
    EndSession,
    Event,
    RestartSession,
    UpstreamEvent,
    UpstreamLost,
)
from bridge.driver.settings import DriverSettings
from bridge.driver.upstream_session import UpstreamSession
from tests.driver.harness import FakeUpstream, connect_failed, driven_session, upstream_over, virtual_time

if TYPE_CHECKING:
    from trio.lowlevel import Task

NATIVE = UpstreamEvent(1, "response.output_audio.delta", b'{"type":"response.output_audio.delta"}')


@virtual_time
async def test_a_connection_that_breaks_while_sending_is_a_loss_even_if_the_reader_gets_nothing() -> None:
    upstream = FakeUpstream()
    async with driven_session(upstream) as call:
        call.client.sends(CreateSession({}))
        await call.client.receives("session_ready")

        upstream.links[0].broken = upstream_over("the line broke")
        began = trio.current_time()
        call.client.sends(ClientAudio(b"\0" * 960))
        lost = await call.client.receives("reconnecting")
        assert lost["reason"] == "the line broke"
        assert trio.current_time() - began == 1


class Owner:
    """Keeps what an upstream session passes on."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def handle(self, event: Event) -> None:
        self.events.append(event)

    def relay(self, generation: int, event_type: str, frame: bytes, _: float) -> None:
        self.events.append(UpstreamEvent(generation, event_type, frame))


@pytest.mark.parametrize("how", ["closed", "silent", "sending"])
@virtual_time
async def test_a_loss_says_how_much_audio_was_acknowledged(how: str) -> None:
    upstream, owner = FakeUpstream(), Owner()
    attempt = UpstreamSession(1, DriverSettings(), owner)
    with trio.fail_after(100):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(attempt.run, upstream, {})
            await trio.sleep(1)
            [link] = upstream.links
            link.acknowledged_bytes = 480
            if how == "closed":
                link.put.send_nowait(upstream_over())
            elif how == "silent":
                link.answers_pings = False
            else:
                link.broken = upstream_over()
                assert attempt.send(SendAudio(1, b"\0\0"))
    assert isinstance(owner.events[-1], UpstreamLost)
    assert owner.events[-1].acknowledged_bytes == 480


class CancelAt(trio.abc.Instrument):
    """Cancels a scope before the n-th task step of the run."""

    def __init__(self, step: int) -> None:
        self._left = step
        self.scope: trio.CancelScope | None = None

    @property
    def fired(self) -> bool:
        return self._left < 0

    def before_task_step(self, task: Task) -> None:  # noqa: ARG002 - any task's step counts
        if self.scope is not None and self._left >= 0:
            self._left -= 1
            if self._left < 0:
                self.scope.cancel()


async def eventful_session(upstream: FakeUpstream, instrument: CancelAt, *, leave: bool) -> float:
    """Everything that can happen to a session. Returns how long its end took after the cancellation."""
    upstream.fails = [connect_failed(retryable=True)]
    async with driven_session(upstream) as call:
        instrument.scope = call.scope
        with trio.move_on_after(100):
            call.client.sends(CreateSession({}))
            call.client.sends(ClientAudio(b"\1" * 960))
            await call.client.receives("session_ready")
            call.client.sends(ClientText("Hello"))
            upstream.links[-1].put.send_nowait(NATIVE)
            upstream.links[-1].put.send_nowait(upstream_over())
            await call.client.receives("reconnected")
            call.client.sends(RestartSession())
            await call.client.receives("reconnected", times=2)
            call.client.sends(ClientAudio(b"\2" * 960))
            call.client.sends(EndSession())
            await call.client.receives("session_closed")
        if leave:
            call.client.leaves()
        began = trio.current_time()
        await call.ended.wait()
        return trio.current_time() - began


@pytest.mark.parametrize("closing_takes", [0.0, 60.0])
def test_wherever_it_is_cancelled_no_upstream_stays_open(closing_takes: float) -> None:
    steps = 0
    while True:
        upstream = FakeUpstream(closing_takes=closing_takes)
        instrument = CancelAt(steps)

        async def run(upstream: FakeUpstream = upstream, instrument: CancelAt = instrument) -> float:
            return await eventful_session(upstream, instrument, leave=not instrument.fired)

        clock = trio.testing.MockClock(autojump_threshold=0)
        took = trio.run(run, clock=clock, instruments=[instrument])
        assert upstream.open_links == 0, f"cancelled at step {steps}"
        assert took < 1, f"cancelled at step {steps}"
        if not instrument.fired:
            break
        steps += 1
    assert steps > 50
    assert upstream.links
