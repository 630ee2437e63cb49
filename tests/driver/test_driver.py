"""The driver between a client without a socket and a fake upstream, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from bridge.core.events import (
    ClientAudio,
    ClientLimitExceeded,
    CreateSession,
    EndSession,
    Ping,
    RestartSession,
    UpstreamEvent,
)
from bridge.core.settings import CoreSettings
from bridge.driver.client import ClosingFrame, Frame
from bridge.driver.settings import DriverSettings
from tests.driver.harness import FakeClient, FakeUpstream, connect_failed, driven_session, upstream_over, virtual_time

if TYPE_CHECKING:
    from bridge.core.commands import ClientCommand
    from tests.driver.harness import DrivenSession

DELTA = b'{"type":"response.output_audio.delta","delta":"' + b"A" * 1000 + b'"}'
NATIVE = UpstreamEvent(1, "response.output_audio.delta", DELTA)


async def ready(call: DrivenSession, upstream: FakeUpstream) -> None:
    call.client.sends(CreateSession({}))
    await call.client.receives("session_ready")
    assert upstream.open_links == 1


@virtual_time
async def test_audio_goes_upstream_in_order_once_the_session_is_ready() -> None:
    upstream = FakeUpstream()
    async with driven_session(upstream) as call:
        call.client.sends(CreateSession({"voice": "marin"}))
        for number in range(5):
            call.client.sends(ClientAudio(bytes([number]) * 960))
        await call.client.receives("session_ready")
        call.client.sends(ClientAudio(b"\x05" * 960))
        await trio.testing.wait_all_tasks_blocked()
        assert upstream.links[0].audio == b"".join(bytes([number]) * 960 for number in range(6))
        assert upstream.links[0].sent[0] == ("configure", {"voice": "marin"}, {})


@virtual_time
async def test_upstream_events_reach_the_client_and_are_timed() -> None:
    upstream = FakeUpstream()
    async with driven_session(upstream) as call:
        await ready(call, upstream)
        upstream.links[0].put.send_nowait(NATIVE)
        await call.client.receives("response.output_audio.delta")
        assert len(call.observer.frames) == 3
        assert call.observer.logged("session.ready")


@virtual_time
async def test_a_client_that_leaves_ends_its_upstream_session_within_a_second() -> None:
    upstream = FakeUpstream()
    async with driven_session(upstream) as call:
        await ready(call, upstream)
        upstream.links[0].closing_takes = 60
        began = trio.current_time()
        call.client.leaves()
        await call.ended.wait()
        assert trio.current_time() - began < 1
    assert upstream.open_links == 0
    assert not call.observer.running


@virtual_time
async def test_a_client_that_leaves_while_the_upstream_is_being_opened_stops_that() -> None:
    upstream = FakeUpstream()
    upstream.hangs = True
    async with driven_session(upstream) as call:
        call.client.sends(CreateSession({}))
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        call.client.leaves()
        await call.ended.wait()
        assert trio.current_time() == began
    assert len(upstream.requested_options) == 1


@virtual_time
async def test_closing_an_upstream_does_not_hold_up_anything() -> None:
    upstream = FakeUpstream()
    async with driven_session(upstream) as call:
        await ready(call, upstream)
        upstream.links[0].closing_takes = 60
        call.client.sends(EndSession())
        call.client.sends(Ping("now"))
        began = trio.current_time()
        await call.client.receives("pong")
        assert trio.current_time() == began
        await trio.sleep(1)
        assert upstream.open_links == 0


@virtual_time
async def test_a_late_event_of_a_session_that_was_closed_is_not_forwarded() -> None:
    upstream = FakeUpstream()
    async with driven_session(upstream) as call:
        await ready(call, upstream)
        first = upstream.links[0]
        first.closing_takes = 0.5
        call.client.sends(RestartSession())
        await trio.testing.wait_all_tasks_blocked()
        assert first.closed is None
        first.put.send_nowait(NATIVE)
        await call.client.receives("reconnected")
        first.put.send_nowait(NATIVE)
        await trio.sleep(1)
        assert not call.client.received_of_type("response.output_audio.delta")
        assert first.closed == "restart"
        assert upstream.open_links == 1


@virtual_time
async def test_a_lost_upstream_is_replaced_and_its_socket_closed() -> None:
    upstream = FakeUpstream()
    async with driven_session(upstream) as call:
        await ready(call, upstream)
        upstream.links[0].put.send_nowait(upstream_over("it broke"))
        lost = await call.client.receives("reconnecting")
        await call.client.receives("reconnected")
        assert lost["reason"] == "it broke"
        assert upstream.links[0].closed is not None
        assert upstream.most_open == 1


@virtual_time
async def test_attempts_that_fail_are_retried_in_time() -> None:
    upstream = FakeUpstream()
    upstream.fails = [connect_failed(retryable=True), connect_failed(retryable=True)]
    async with driven_session(upstream) as call:
        call.client.sends(CreateSession({}))
        await call.client.receives("session_ready")
        assert trio.current_time() == pytest.approx(0.5 * 1 + 0.5 * 2)
        assert len(upstream.requested_options) == 3


@virtual_time
async def test_a_refusal_is_reported_and_not_retried() -> None:
    upstream = FakeUpstream()
    upstream.fails = [connect_failed(retryable=False, code="ACCESS_DENIED")]
    async with driven_session(upstream) as call:
        call.client.sends(CreateSession({}))
        assert (await call.client.receives("error"))["code"] == "ACCESS_DENIED"
        await trio.sleep(60)
        assert len(upstream.requested_options) == 1


@virtual_time
async def test_an_opening_that_never_ends_is_cut_off_by_the_core_and_by_the_backstop_behind_it() -> None:
    upstream = FakeUpstream()
    upstream.hangs = True
    async with driven_session(upstream) as call:
        call.client.sends(CreateSession({}))
        assert (await call.client.receives("error"))["message"] == "The session was not ready within 10 s."
    settings = DriverSettings(core=CoreSettings(ready_seconds=1000), connect_seconds=15)
    async with driven_session(upstream, settings) as call:
        call.client.sends(CreateSession({}))
        assert (await call.client.receives("error"))["message"] == "The upstream was not reached within 15 s."


# Slow sides


@virtual_time
async def test_a_client_that_reads_too_slowly_gets_an_error_and_is_disconnected() -> None:
    upstream = FakeUpstream()
    async with driven_session(upstream, DriverSettings(client_queue_bytes=20_000)) as call:
        await ready(call, upstream)
        call.client.stops_reading()
        for _ in range(30):
            upstream.links[0].put.send_nowait(NATIVE)
        await trio.testing.wait_all_tasks_blocked()
        call.client.reads_again()
        await call.ended.wait()
        assert call.client.closed == (1013, "SLOW_CONSUMER")
        assert call.client.received[-1]["code"] == "SLOW_CONSUMER"
        assert f"a message of {len(NATIVE.frame)} bytes finds no room" in call.client.received[-1]["message"]
        assert len(call.client.received_of_type("response.output_audio.delta")) == 1
    assert upstream.open_links == 0


@virtual_time
async def test_after_a_gap_the_client_gets_nothing_but_the_reason_of_the_close() -> None:
    upstream = FakeUpstream()
    upstream.padding = "x" * 5000
    async with driven_session(upstream, DriverSettings(client_queue_bytes=4000)) as call:
        call.client.stops_reading()
        call.client.sends(CreateSession({}))
        await trio.testing.wait_all_tasks_blocked()
        call.client.reads_again()
        began = trio.current_time()
        await call.ended.wait()
        assert trio.current_time() == began
        assert [message["type"] for message in call.client.received] == ["session_initializing", "error"]
        assert call.client.closed == (1013, "SLOW_CONSUMER")


@virtual_time
async def test_a_client_that_never_reads_again_is_disconnected_within_bounds() -> None:
    upstream = FakeUpstream()
    settings = DriverSettings(client_queue_bytes=20_000)
    async with driven_session(upstream, settings) as call:
        await ready(call, upstream)
        call.client.stops_reading()
        for _ in range(30):
            upstream.links[0].put.send_nowait(NATIVE)
        began = trio.current_time()
        await call.ended.wait()
        assert trio.current_time() - began == settings.client_close_seconds
    assert upstream.open_links == 0


@virtual_time
async def test_a_client_that_reads_in_time_gets_everything() -> None:
    upstream = FakeUpstream()
    async with driven_session(upstream, DriverSettings(client_queue_bytes=20_000)) as call:
        await ready(call, upstream)
        for _ in range(100):
            upstream.links[0].put.send_nowait(NATIVE)
            await trio.testing.wait_all_tasks_blocked()
        assert len(call.client.received_of_type("response.output_audio.delta")) == 100


@virtual_time
async def test_an_upstream_that_accepts_no_data_is_lost_and_its_speech_replayed() -> None:
    upstream = FakeUpstream()
    upstream.max_unsent_bytes = 20_000
    settings = DriverSettings(core=CoreSettings(replay_ms=100))
    async with driven_session(upstream, settings) as call:
        call.client.sends(CreateSession({"turnDetection": "none"}))
        await call.client.receives("session_ready")
        upstream.links[0].takes = False
        for number in range(20):
            call.client.sends(ClientAudio(bytes([number]) * 960))
        lost = await call.client.receives("reconnecting")
        back = await call.client.receives("reconnected")
        await trio.testing.wait_all_tasks_blocked()
        assert lost["reason"] == "the upstream accepts no data"
        assert back["resentMs"] == 100
        whole = b"".join(bytes([number]) * 960 for number in range(20))
        assert whole.endswith(upstream.links[1].audio)
        assert len(upstream.links[1].audio) == (back["resentMs"] + back["heldMs"]) * 48


# Pings


class UnresponsiveClient(FakeClient):
    """A client with a WebSocket that answers no pings."""

    def ping(self) -> None:
        self.pings_outstanding += 1


@virtual_time
async def test_an_upstream_that_misses_two_pings_is_lost() -> None:
    upstream = FakeUpstream()
    async with driven_session(upstream) as call:
        await ready(call, upstream)
        upstream.links[0].answers_pings = False
        lost = await call.client.receives("reconnecting")
        assert lost["reason"] == "missed pings"
        assert trio.current_time() == 60


@virtual_time
async def test_a_client_that_misses_two_pings_is_closed_with_1011_within_half_a_minute() -> None:
    upstream = FakeUpstream()
    async with driven_session(upstream, client=UnresponsiveClient()) as call:
        await ready(call, upstream)
        await call.ended.wait()
        assert trio.current_time() == 30
        assert call.client.closed == (1011, "no answer to pings")
    assert upstream.open_links == 0


@virtual_time
async def test_a_client_that_talks_is_there_whatever_its_pongs_do() -> None:
    upstream = FakeUpstream()
    async with driven_session(upstream, client=UnresponsiveClient()) as call:
        await ready(call, upstream)
        for _ in range(30):
            await trio.sleep(10)
            call.client.sends(Ping())
        assert not call.ended.is_set()


# Ends


@virtual_time
async def test_a_client_past_its_limits_gets_an_error_before_the_close() -> None:
    upstream = FakeUpstream()
    async with driven_session(upstream) as call:
        await ready(call, upstream)
        call.client.sends(ClientLimitExceeded("RATE_EXCEEDED", "Too fast.", 1008))
        await call.ended.wait()
    assert call.client.received[-1]["code"] == "RATE_EXCEEDED"
    assert call.client.closed == (1008, "RATE_EXCEEDED")
    assert upstream.open_links == 0


@virtual_time
async def test_an_endpoint_can_close_its_client_behind_what_it_shows() -> None:
    class StrictClient(FakeClient):
        def render(self, command: ClientCommand) -> list[Frame]:
            frames = super().render(command)
            return [*frames, ClosingFrame(b"that was all", code=4004)] if b"session_ready" in frames[0].data else frames

    upstream = FakeUpstream()
    async with driven_session(upstream, client=StrictClient()) as call:
        call.client.sends(CreateSession({}))
        await call.ended.wait()
        assert call.client.received[-1]["type"] == "session_ready"
        assert call.client.closed == (4004, "that was all")
    assert upstream.open_links == 0


@virtual_time
async def test_of_two_reasons_to_close_a_client_the_first_one_counts() -> None:
    class StrictClient(FakeClient):
        def render(self, command: ClientCommand) -> list[Frame]:
            frames = super().render(command)
            failed = any(b'"ACCESS_DENIED"' in frame.data for frame in frames)
            return [*frames, ClosingFrame(b"denied", code=3000)] if failed else frames

    upstream = FakeUpstream(checkpoints=50)
    upstream.fails = [connect_failed(retryable=False, code="ACCESS_DENIED")]
    async with driven_session(upstream, client=StrictClient()) as call:
        call.client.sends(CreateSession({}))
        call.client.sends(ClientAudio(b"\1" * 960))
        while not upstream.requested_options:
            await trio.lowlevel.checkpoint()
        call.drain.set()  # it waits for the answer to this speech, until the attempt fails
        await call.ended.wait()
        assert call.client.closed == (3000, "denied")


@virtual_time
async def test_a_client_that_is_to_be_read_more_slowly_is_read_again_in_time() -> None:
    upstream = FakeUpstream()
    async with driven_session(upstream) as call:
        await ready(call, upstream)
        call.client.handler.resume_at(trio.current_time() + 3)
        await trio.sleep(10)
        assert call.client.waited_until == [3]


@virtual_time
async def test_a_drain_ends_the_session_in_a_pause() -> None:
    upstream = FakeUpstream()
    async with driven_session(upstream) as call:
        await ready(call, upstream)
        call.drain.set()
        await call.ended.wait()
    assert call.client.received_of_type("session_closed")[0]["reason"] == "draining"
    assert call.client.closed == (1001, "draining")
    assert upstream.open_links == 0


@virtual_time
async def test_a_client_whose_socket_accepts_nothing_has_disconnected() -> None:
    upstream = FakeUpstream()

    class BrokenClient(FakeClient):
        def send(self, frame: Frame, read_at: float | None = None) -> bool:  # noqa: ARG002 - nothing arrives
            self.leaves()
            return True

    async with driven_session(upstream, client=BrokenClient()) as call:
        call.client.sends(CreateSession({}))
        await call.ended.wait()
        assert trio.current_time() < 1
    assert upstream.open_links == 0
