from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import msgspec
import pytest
import trio

from bridge.protocol.audio.pcm import chunks
from bridge.protocol.audio.tracer import TracerSource
from bridge.simulator.embedded import RunningSimulator, open_simulator
from bridge.simulator.faults.scenarios import SCENARIOS
from bridge.simulator.settings import Settings
from bridge.transport.link import HandshakeRefused, LinkClosed
from bridge.upstream.dial.dial import dial
from bridge.upstream.dial.tls import unused_tls_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bridge.upstream.dial.handshake import UpgradedConnection


@pytest.fixture
async def simulator() -> AsyncIterator[RunningSimulator]:
    async with open_simulator(Settings(control=True, pace=50)) as running:
        yield running


async def call(simulator: RunningSimulator, method: str, path: str, body: object = None) -> httpx.Response:
    async with httpx.AsyncClient(verify=unused_tls_context(), trust_env=False) as client:
        return await client.request(method, f"http://127.0.0.1:{simulator.port}{path}", json=body)


async def connect(simulator: RunningSimulator, key: str = "sk-test") -> UpgradedConnection:
    url = f"{simulator.websocket_url}?model=gpt-realtime-2.1"
    return await dial(url, headers=[("authorization", f"Bearer {key}")])


async def test_it_is_off_unless_asked_for() -> None:
    async with open_simulator() as running:
        answer = await call(running, "GET", "/_sim/scenarios")
    assert answer.status_code == 401


async def test_a_scenario_is_chosen_for_one_key_and_for_every_key(simulator: RunningSimulator) -> None:
    answer = await call(simulator, "POST", "/_sim/scenario", {"key": "sk-a", "scenario": "server-error"})
    assert answer.status_code == 200
    chosen, other = await connect(simulator, "sk-a"), await connect(simulator, "sk-b")
    async with chosen.link, other.link:
        assert '"error"' in str(await chosen.link.receive())
        assert "session.created" in str(await other.link.receive())
    await call(simulator, "POST", "/_sim/scenario", {"faults": ["close:at=connect,code=1012"]})
    third = await connect(simulator, "sk-c")
    async with third.link:
        with pytest.raises(LinkClosed) as closed:
            await third.link.receive()
    assert closed.value.code == 1012


async def test_a_running_session_gets_a_fault(simulator: RunningSimulator) -> None:
    connected = await connect(simulator)
    async with connected.link as link:
        await link.receive()
        (record,) = simulator.journal.sessions()
        body = {"session": record.session_id, "faults": ["close:at=ready,code=1013,reason=enough"]}
        assert (await call(simulator, "POST", "/_sim/scenario", body)).status_code == 200
        await link.send_text(b'{"type":"session.update","session":{"type":"realtime"}}')
        await link.receive()
        with trio.fail_after(5), pytest.raises(LinkClosed) as closed:
            await link.receive()
    assert (closed.value.code, closed.value.reason) == (1013, "enough")


@pytest.mark.parametrize(("how", "code"), [("close", 1001), ("drop", 1006), ("reset", 1006)])
async def test_sessions_are_cut_at_once_and_only_those_of_the_named_key(
    simulator: RunningSimulator, how: str, code: int
) -> None:
    cut, spared = await connect(simulator, "sk-cut"), await connect(simulator, "sk-spared")
    async with cut.link, spared.link:
        await cut.link.receive()
        await spared.link.receive()
        answer = await call(simulator, "POST", "/_sim/cut", {"key": "sk-cut", "how": how, "code": 1001})
        assert answer.json() == {"cut": 1}
        with trio.fail_after(5), pytest.raises(LinkClosed) as closed:
            await cut.link.receive()
        assert closed.value.code == code
        await spared.link.send_text(b'{"type":"session.update","session":{"type":"realtime"}}')
        assert "session.updated" in str(await spared.link.receive())


async def test_what_arrived_is_read_back_tracer_audio_included(simulator: RunningSimulator) -> None:
    connected = await connect(simulator, "sk-caller")
    async with connected.link as link:
        with trio.fail_after(20):
            await link.send_text(b'{"type":"session.update","session":{"type":"realtime"}}')
            for chunk in chunks(TracerSource(42).speech(300), 20):
                await link.send_text(msgspec.json.encode({"type": "input_audio_buffer.append", "audio": chunk}))
            while "session.updated" not in str(await link.receive()):
                pass
    body = (await call(simulator, "GET", "/_sim/arrivals?key=sk-caller")).json()
    (session,) = body["sessions"]
    assert session["counts"]["session.update"] == 1
    assert session["counts"]["input_audio_buffer.append"] >= 15
    assert session["sent"]["session.created"] == 1
    assert session["events"][0]["type"] == "session.update"
    assert body["tracer"]["sk-caller"]["42"]["received_ms"] == 300
    assert body["tracer"]["sk-caller"]["42"]["lost_ms"] == 0
    assert body["requests"]["GET /v1/realtime websocket"] == 1
    assert (await call(simulator, "GET", "/_sim/arrivals?key=sk-nobody")).json()["sessions"] == []
    await call(simulator, "POST", "/_sim/reset")
    assert (await call(simulator, "GET", "/_sim/arrivals")).json()["sessions"] == []


async def test_a_load_run_is_summed_up_without_its_sessions(simulator: RunningSimulator) -> None:
    await call(simulator, "POST", "/_sim/scenario", {"key": "sk-refused", "faults": ["http:status=503"]})
    with pytest.raises(HandshakeRefused):
        await connect(simulator, "sk-refused")
    connected = await connect(simulator, "sk-caller")
    async with connected.link as link:
        assert (await call(simulator, "GET", "/_sim/account")).json()["live"] == 1
        await link.send_text(b'{"type":"session.update","session":{"type":"realtime"}}')
        append = {"type": "input_audio_buffer.append", "audio": TracerSource(7).speech(300)}
        await link.send_text(msgspec.json.encode(append))
        while "speech_started" not in str(await link.receive()):
            pass
    with trio.fail_after(5):
        while (body := (await call(simulator, "GET", "/_sim/account")).json())["live"]:
            pass
    assert sum(count for _, count in body["dials"]) == 2
    assert all(abs(at - body["now"]) < 30 for at, _ in body["dials"])
    assert body["tracer"]["sk-caller"]["7"]["received_ms"] == 300
    assert "sessions" not in body
    await call(simulator, "POST", "/_sim/reset")
    assert (await call(simulator, "GET", "/_sim/account")).json()["dials"] == []
    assert (await call(simulator, "GET", "/_sim/account")).json()["turned_away_ms"] == 0


async def test_scenarios_are_listed(simulator: RunningSimulator) -> None:
    rows = (await call(simulator, "GET", "/_sim/scenarios")).json()["scenarios"]
    assert [row["name"] for row in rows] == list(SCENARIOS)
    assert rows[0]["key"] == "sk-scenario-good"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/_sim/scenario", {"scenario": "goood"}, 404, "no scenario 'goood'"),
        ("POST", "/_sim/scenario", {"scenari": "good"}, 400, "unknown field"),
        ("POST", "/_sim/scenario", {"faults": ["latenzy"]}, 400, "did you mean 'latency'?"),
        ("POST", "/_sim/scenario", {"session": "sess_none"}, 404, "no running session"),
        ("POST", "/_sim/cut", {"how": "gently"}, 404, "how cannot be 'gently'"),
        ("POST", "/_sim/cut", {"code": "x"}, 400, "Expected `int`"),
        ("GET", "/_sim/nothing", None, 404, "the calls are GET /_sim/scenarios"),
    ],
)
async def test_a_wrong_call_is_answered_in_plain_words(
    simulator: RunningSimulator, method: str, path: str, body: object, status: int, message: str
) -> None:
    answer = await call(simulator, method, path, body)
    assert answer.status_code == status
    assert message in answer.json()["error"]
