"""Whole conversations: client, driver, core and connector against the simulator in memory, under the virtual clock."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import trio

from bridge.core.events import ClientAudio, ClientCommit, ClientNative, ClientText, CreateSession
from bridge.driver.settings import DriverSettings
from bridge.protocol.audio.tracer import TracerSource
from bridge.simulator.faults.actions import CloseFrame, Drop
from bridge.simulator.faults.scenarios import SCENARIOS
from bridge.simulator.faults.session_faults import ConfirmFault, CreateFault, ExpireFault, HandshakeFault
from bridge.simulator.faults.wire_faults import GarbageFault, HalfOpenFault
from bridge.simulator.settings import Settings
from reports.redaction import Secret
from tests.driver.harness import KEY, driven_session, simulated_upstream, unix_now, virtual_time

if TYPE_CHECKING:
    from bridge.simulator.faults.actions import WireAction
    from bridge.simulator.faults.base import Fault
    from bridge.simulator.service.server import Simulator
    from tests.driver.harness import DrivenSession


async def speak(call: DrivenSession, source: TracerSource, ms: int, *, quiet_ms: int = 600) -> None:
    """Send speech in chunks of 20 ms, in real time."""
    for at in range(0, ms + quiet_ms, 20):
        call.client.sends(ClientAudio(source.speech(20) if at < ms else source.silence(20)))
        await trio.sleep(0.02)


def befalls(simulator: Simulator, act: WireAction) -> None:
    """Call a method of every running session."""
    for connection in simulator.connections.values():
        connection.perform(act)


@virtual_time
async def test_a_spoken_turn_is_answered() -> None:
    async with simulated_upstream() as (simulator, connector), driven_session(connector) as call:
        source = TracerSource(caller=1)
        call.client.sends(CreateSession({"voice": "marin"}))
        ready = await call.client.receives("session_ready")
        await speak(call, source, 1000)
        done = await call.client.receives("response.done")
    assert done["response"]["status"] == "completed"
    assert call.client.received_of_type("response.output_audio.delta")
    assert call.client.received_of_type("session.created")[0]["session"]["id"] == ready["sessionId"]
    assert call.client.received_of_type("session.updated")[0]["session"]["audio"]["output"]["voice"] == "marin"
    assert call.client.received_of_type("conversation.item.input_audio_transcription.completed")
    assert simulator.journal.tracer_account(KEY.reveal()).counts({1: source.sent_ms})[1].clean
    assert len(call.observer.frames) == len([m for m in call.client.received if "generation" not in m])


@virtual_time
async def test_a_response_of_two_items_reaches_the_client_and_is_restored_whole() -> None:
    commentary = SCENARIOS["commentary"].faults
    async with simulated_upstream(*commentary) as (simulator, connector), driven_session(connector) as call:
        call.client.sends(CreateSession({}))
        await call.client.receives("session_ready")
        call.client.sends(ClientText("Hello."))
        done = await call.client.receives("response.done")
        befalls(simulator, Drop())
        restored = (await call.client.receives("reconnected"))["restored"]
    assert [item["phase"] for item in done["response"]["output"]] == ["commentary", "final_answer"]
    assert restored["turns"] == 3


@virtual_time
async def test_silence_after_an_idle_time_out_is_not_lost_with_its_session() -> None:
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    session = {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
    update = {"type": "session.update", "session": session}
    async with simulated_upstream() as (simulator, connector), driven_session(connector) as call:
        call.client.sends(CreateSession({}))
        await call.client.receives("session_ready")
        call.client.sends(ClientNative("session.update", json.dumps(update).encode(), update))
        call.client.sends(ClientText("Hello."))
        await call.client.receives("input_audio_buffer.timeout_triggered")
        await call.client.receives("response.done", times=2)
        befalls(simulator, Drop())
        back = await call.client.receives("reconnected")
    assert (back["restored"]["turns"], back["lost"]) == (3, [])


@virtual_time
async def test_the_first_words_wait_for_the_session() -> None:
    async with simulated_upstream(CreateFault(3)) as (simulator, connector), driven_session(connector) as call:
        source = TracerSource(caller=1)
        call.client.sends(CreateSession({}))
        await speak(call, source, 1000)
        ready = await call.client.receives("session_ready")
        await call.client.receives("response.done")
    assert ready["bufferedMs"] == source.sent_ms
    assert simulator.journal.tracer_account(KEY.reveal()).counts({1: source.sent_ms})[1].clean


@pytest.mark.parametrize("act", [Drop(), CloseFrame(1000, ""), CloseFrame(1001, "bye"), CloseFrame(1011, "oh")])
@pytest.mark.parametrize("after_ms", [100, 500, 980])
@virtual_time
async def test_a_drop_in_the_middle_of_a_sentence_loses_no_word(act: WireAction, after_ms: int) -> None:
    async with simulated_upstream() as (simulator, connector), driven_session(connector) as call:
        source = TracerSource(caller=1)
        call.client.sends(CreateSession({}))
        await call.client.receives("session_ready")
        await speak(call, source, after_ms, quiet_ms=0)
        befalls(simulator, act)
        await speak(call, source, 1000)
        back = await call.client.receives("reconnected")
        await call.client.receives("response.done")
    count = simulator.journal.tracer_account(KEY.reveal()).counts({1: source.sent_ms})[1]
    assert count.lost_ms == 0
    assert count.repeated_ms <= back["resentMs"]
    assert back["generation"] == 2


@virtual_time
async def test_a_turn_of_the_client_is_answered_over_a_drop() -> None:
    async with simulated_upstream() as (simulator, connector), driven_session(connector) as call:
        source = TracerSource(caller=1)
        call.client.sends(CreateSession({"turnDetection": "none"}))
        await call.client.receives("session_ready")
        await speak(call, source, 500, quiet_ms=0)
        befalls(simulator, Drop())
        await speak(call, source, 500, quiet_ms=0)
        call.client.sends(ClientCommit())
        done = await call.client.receives("response.done")
    assert done["response"]["status"] == "completed"
    assert simulator.journal.tracer_account(KEY.reveal()).counts({1: source.sent_ms})[1].lost_ms == 0


@virtual_time
async def test_what_was_said_before_a_drop_is_restored_behind_it() -> None:
    async with simulated_upstream() as (simulator, connector), driven_session(connector) as call:
        source = TracerSource(caller=1)
        call.client.sends(CreateSession({}))
        await call.client.receives("session_ready")
        await speak(call, source, 1000)
        await call.client.receives("response.done")
        await trio.sleep(2)
        befalls(simulator, Drop())
        back = await call.client.receives("reconnected")
        call.client.sends(ClientText("And now?"))
        await call.client.receives("response.done", times=2)
    assert back["restored"]["turns"] == 2
    assert back["lost"] == []
    assert not call.client.received_of_type("error")


@virtual_time
async def test_an_upstream_that_never_answers_the_upgrade_fails_three_attempts() -> None:
    async with simulated_upstream(HandshakeFault("never")) as (_, connector), driven_session(connector) as call:
        call.client.sends(CreateSession({}))
        error = await call.client.receives("error")
    assert error["code"] == "SESSION_INITIALIZATION_FAILED"
    assert error["detail"]["attempts"] == 3
    assert len(call.client.received_of_type("session_initializing")) == 3


@pytest.mark.parametrize("fault", [CreateFault(-1), ConfirmFault("never")])
@virtual_time
async def test_a_session_that_is_never_confirmed_is_never_ready(fault: Fault) -> None:
    async with simulated_upstream(fault) as (simulator, connector), driven_session(connector) as call:
        call.client.sends(CreateSession({}))
        error = await call.client.receives("error")
        await trio.sleep(1)
        assert not simulator.connections
    assert error["code"] == "SESSION_INITIALIZATION_FAILED"
    assert not call.client.received_of_type("session_ready")


@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        ("invalid-key", "AUTHENTICATION_FAILED"),
        ("no-quota", "QUOTA_EXHAUSTED"),
        ("model-gone", "MODEL_NOT_AVAILABLE"),
        ("beta-refused", "DIALECT_REFUSED"),
        ("handshake-403", "ACCESS_DENIED"),
    ],
)
@virtual_time
async def test_a_permanent_failure_is_tried_once(scenario: str, code: str) -> None:
    key = Secret(f"sk-scenario-{scenario}-0123456789abcdef")
    async with simulated_upstream(key=key) as (simulator, connector), driven_session(connector) as call:
        call.client.sends(CreateSession({}))
        error = await call.client.receives("error")
        await trio.sleep(30)
        assert simulator.journal.requests["GET /v1/realtime websocket"] == 1
    assert (error["code"], error["retryable"]) == (code, False)
    assert key.reveal() not in str(call.client.received)
    assert key.reveal() not in str(call.observer.log_events)


@virtual_time
async def test_a_half_open_upstream_is_noticed_by_its_pings() -> None:
    async with simulated_upstream(HalfOpenFault("ready")) as (_, connector), driven_session(connector) as call:
        call.client.sends(CreateSession({}))
        await call.client.receives("session_ready")
        began = trio.current_time()
        lost = await call.client.receives("reconnecting")
        assert trio.current_time() - began <= 3 * DriverSettings().ping_seconds
    assert lost["reason"] == "missed pings"


@virtual_time
async def test_a_session_that_expires_is_replaced_without_an_error() -> None:
    async with simulated_upstream(ExpireFault(40)) as (simulator, connector), driven_session(connector) as call:
        call.client.sends(CreateSession({}))
        await call.client.receives("session_expiring")
        await call.client.receives("reconnected")
        assert len(simulator.connections) == 1
    assert not call.client.received_of_type("error")
    assert call.client.received_of_type("reconnecting")[0]["reason"] == "rollover"


@virtual_time
async def test_a_server_of_the_beta_dialect_is_known_by_its_first_frame() -> None:
    settings = Settings(dialect="beta", unix_time=unix_now)
    async with simulated_upstream(settings=settings) as (_, connector), driven_session(connector) as call:
        call.client.sends(CreateSession({"voice": "echo"}))
        ready = await call.client.receives("session_ready")
        call.client.sends(ClientText("Hello"))
        await call.client.receives("response.done")
    assert ready["dialect"] == "beta"
    assert call.client.received_of_type("session.updated")[0]["session"]["voice"] == "echo"
    assert call.client.received_of_type("response.audio.delta")


@virtual_time
async def test_a_first_frame_that_is_no_event_fails_the_attempt() -> None:
    async with simulated_upstream(GarbageFault("connect")) as (_, connector), driven_session(connector) as call:
        call.client.sends(CreateSession({}))
        error = await call.client.receives("error")
    assert error["message"] == "The upstream sent a frame that is no event."
    assert error["detail"]["attempts"] == 3


@virtual_time
async def test_a_client_that_leaves_closes_its_session_with_a_close_frame() -> None:
    async with simulated_upstream() as (simulator, connector):
        async with driven_session(connector) as call:
            call.client.sends(CreateSession({}))
            await call.client.receives("session_ready")
        record = simulator.journal.sessions()[0]
        assert (record.closed, record.close_code, record.closed_by_client) == (True, 1000, True)
