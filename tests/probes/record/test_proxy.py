"""The recording proxy between a client and the simulator, on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
import trio

from bridge.simulator.embedded import open_simulator
from bridge.simulator.faults.scenarios import SCENARIOS
from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.dial import dial
from probes.events.offline import events_offline
from probes.recording.capture import ClosedEnding, FinishedEnding, read_capture
from tests.probes.conversation.session_builder import collect
from tests.probes.record.harness import play, record_script, recording

if TYPE_CHECKING:
    from pathlib import Path


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("script", ["text", "audio", "function", "interrupt", "transcription"])
async def test_a_script_passes_as_without_the_proxy_and_its_recording_is_judged_good(
    script: str, tmp_path: Path
) -> None:
    path = tmp_path / "kept.ndjson"
    capture = await record_script(path, script)
    assert isinstance(capture.ending, FinishedEnding)
    judged = await collect(events_offline(path))
    assert judged.bad_outcomes() == []
    assert judged.row("end").title.startswith("closed by the client")


async def test_a_recording_holds_neither_keys_nor_text_nor_audio(tmp_path: Path) -> None:
    await record_script(tmp_path / "kept", "audio")
    text = (tmp_path / "kept").read_text()
    assert SCENARIOS["good"].key not in text
    assert "simulat" not in text.casefold().replace("sherpa-sim", "")
    assert max(len(line) for line in text.splitlines()) < 3_000


async def test_with_show_content_both_stay_but_keys_do_not(tmp_path: Path) -> None:
    capture = await record_script(tmp_path / "kept", "audio", show_content=True)
    appended = [entry for entry in capture.entries if entry.type == "input_audio_buffer.append"]
    assert len(appended[0].event["audio"]) > 500
    assert any(entry.event.get("transcript", "").strip("x") for entry in capture.entries)
    assert SCENARIOS["good"].key not in (tmp_path / "kept").read_text()


async def test_a_refusal_of_the_service_is_recorded_with_its_close(tmp_path: Path) -> None:
    capture = await record_script(tmp_path / "kept", "text", "no-quota")
    assert isinstance(capture.ending, ClosedEnding)
    assert (capture.ending.code, capture.ending.by_peer) == (1013, True)
    assert (await collect(events_offline(tmp_path / "kept"))).row("session").code == "EVENTS-NO-QUOTA"


async def test_each_connection_gets_a_file_of_its_own(tmp_path: Path) -> None:
    async with (
        open_simulator() as simulator,
        recording(simulator.base_url, tmp_path / "a.ndjson") as (proxy, base_url),
    ):
        for _ in range(2):
            await play(base_url, "text")
        with trio.fail_after(5):
            while proxy.open_connections:  # noqa: ASYNC110 - both closes take a moment
                await trio.sleep(0.01)
    assert files_in(tmp_path) == ["a-2.ndjson", "a.ndjson"]


async def test_plain_http_passes(tmp_path: Path) -> None:
    async with (
        open_simulator() as simulator,
        recording(simulator.base_url, tmp_path / "a") as (_, base_url),
        httpx.AsyncClient() as client,
    ):
        headers = {"Authorization": f"Bearer {simulator.api_key.reveal()}"}
        models = await client.get(f"{base_url}/models", headers=headers)
        missing = await client.get(f"{base_url}/models", headers={"Authorization": "Bearer nonsense"})
    assert (models.status_code, models.json()["object"]) == (200, "list")
    assert missing.status_code == 401
    assert files_in(tmp_path) == []


async def test_a_refused_upgrade_passes_and_is_not_recorded(tmp_path: Path) -> None:
    notes: list[str] = []
    async with (
        open_simulator() as simulator,
        recording(simulator.base_url, tmp_path / "a", on_note=notes.append) as (_, base_url),
    ):
        with pytest.raises(HandshakeRefused) as refused:
            await dial(f"{base_url.replace('http', 'ws')}/nowhere")
    assert refused.value.status == 404
    assert notes == ["refused with HTTP 404, not recorded"]
    assert files_in(tmp_path) == []


async def test_a_server_that_is_not_there_is_a_502(tmp_path: Path) -> None:
    async with recording("http://127.0.0.1:1", tmp_path / "a") as (_, base_url):
        with pytest.raises(HandshakeRefused) as refused:
            await dial(f"{base_url.replace('http', 'ws')}/realtime?model=x")
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{base_url}/models")
    assert (refused.value.status, answer.status_code) == (502, 502)


async def test_a_connection_that_is_open_when_recording_ends_is_complete(tmp_path: Path) -> None:
    async with open_simulator() as simulator:
        async with recording(simulator.base_url, tmp_path / "a") as (_, base_url):
            headers = (("Authorization", f"Bearer {simulator.api_key.reveal()}"),)
            url = f"{base_url.replace('http', 'ws')}/realtime?model=gpt-realtime-2.1"
            connection = await dial(url, headers=headers)
            await connection.link.receive()
        await connection.link.close()
    assert [entry.type for entry in read_capture(tmp_path / "a").entries] == ["session.created"]
