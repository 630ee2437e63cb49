"""Recordings of the simulator, replayed to the simulator, to the reference bridge and to a client, on loopback."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import trio

from bridge.client_protocol.endpoints import CLIENT_PATH
from bridge.config.resolve import Flags, read_config
from bridge.protocol.recordings.capture import CaptureEntry
from bridge.simulator.embedded import open_simulator
from bridge.simulator.settings import Settings
from probes.conversation.run import run_script
from probes.events.bridge import bridge_script_run
from probes.recording.capture import Capture, FinishedEnding, read_capture
from probes.replay.probe import (
    ClientTarget,
    ReplayPlan,
    parse_speed,
    replay_to_bridge,
    replay_to_client,
    replay_to_service,
)
from probes.runner.redaction import Secrets
from probes.runner.usage import UsageError
from probes.targets.bridge import make_bridge_target
from probes.targets.simulated_bridge import open_simulated_bridge
from probes.watch.http import ListenAddress
from tests.probes.conversation.session_builder import NOWHERE, ReportItems, collect, header, target_for
from tests.probes.record.harness import play, record_script, recording, until_written

if TYPE_CHECKING:
    from pathlib import Path

SAME = [("connect", "pass"), ("played", "pass"), ("order", "pass"), ("end", "pass")]


def rows(found: ReportItems) -> list[tuple[str, str]]:
    return [(finding.check, finding.severity.value) for finding in found.findings]


async def replayed(
    capture: Capture, scenario: str = "good", *, speed: float = math.inf, **settings: Any
) -> ReportItems:
    async with open_simulator(Settings(pace=20.0, **settings)) as simulator:
        target = target_for(scenario, base_url=simulator.base_url)
        return await collect(replay_to_service(target, ReplayPlan(capture=capture, speed=speed)))


@pytest.mark.parametrize("script", ["text", "audio", "function", "interrupt", "transcription", "long"])
@pytest.mark.parametrize("speed", [math.inf, 20.0])
async def test_a_recording_comes_back_as_it_was_from_the_same_service(
    script: str, speed: float, tmp_path: Path
) -> None:
    assert rows(await replayed(await record_script(tmp_path / "a", script), speed=speed)) == SAME


async def test_a_recorded_refusal_comes_back_with_its_close(tmp_path: Path) -> None:
    capture = await record_script(tmp_path / "a", "text", "no-quota")
    with pytest.raises(UsageError, match="nothing that a client sent"):
        await replayed(capture, "no-quota")


@pytest.mark.parametrize(
    ("scenario", "row"),
    [("failed-response", "order"), ("dropped-mid-response", "end"), ("no-quota", "played"), ("mute", "order")],
)
async def test_a_service_that_does_something_else_fails(scenario: str, row: str, tmp_path: Path) -> None:
    found = await replayed(await record_script(tmp_path / "a", "audio"), scenario)
    assert (row, "fail") in rows(found)


async def test_a_recording_is_a_scenario_of_the_simulator(tmp_path: Path) -> None:
    capture = await record_script(tmp_path / "a", "audio")
    async with open_simulator(Settings(recording=capture)) as simulator:
        found = await play(simulator.base_url, "audio")
    assert found.bad_outcomes() == []


async def test_a_client_that_does_the_same_passes_and_another_one_fails(tmp_path: Path) -> None:
    capture = await record_script(tmp_path / "a", "function")
    for script, outcome in (("function", SAME[1:]), ("text", [("played", "fail"), ("order", "fail"), ("end", "pass")])):
        found = await to_client(capture, script)
        assert rows(found)[1:] == outcome, script


async def to_client(capture: Capture, script: str) -> ReportItems:
    addresses: list[str] = []
    target = ClientTarget(
        listen=ListenAddress("127.0.0.1", 0), timeout=5.0, secrets=Secrets(), on_progress=addresses.append
    )
    found: list[ReportItems] = []

    async def replay() -> None:
        found.append(await collect(replay_to_client(target, ReplayPlan(capture=capture))))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(replay)
        while not addresses:  # noqa: ASYNC110 - a callback of the probe fills it
            await trio.sleep(0.01)
        await play(f"http://{addresses[0].rpartition(' ')[2]}/v1", script)
    return found[0]


async def test_without_a_client_the_replay_could_not_look(tmp_path: Path) -> None:
    capture = await record_script(tmp_path / "a", "text")
    target = ClientTarget(listen=ListenAddress("127.0.0.1", 0), timeout=5.0, secrets=Secrets())
    found = await collect(replay_to_client(target, ReplayPlan(capture=capture)))
    assert [finding.code for finding in found.findings] == ["REPLAY-NO-CLIENT"]


async def test_a_service_that_is_not_there_could_not_be_replayed_to(tmp_path: Path) -> None:
    capture = await record_script(tmp_path / "a", "text")
    found = await collect(replay_to_service(target_for(), ReplayPlan(capture=capture)))
    assert [(finding.code, finding.severity.value) for finding in found.findings] == [("REPLAY-NOT-CONNECTED", "error")]


async def test_a_recording_before_a_bridge_is_replayed_to_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    config = read_config(Flags(timeout=10), {"OPENAI_API_KEY": "sk-x"}, NOWHERE)
    async with open_simulated_bridge("good", config, secrets=Secrets(), path=CLIENT_PATH) as bridge:
        async with recording(f"http://127.0.0.1:{bridge.endpoint.port}", path) as (_, base_url):
            url = f"{base_url.replace('http', 'ws').removesuffix('/v1')}{CLIENT_PATH}"
            proxied = make_bridge_target(url, None, config, secrets=Secrets(), environment={})
            await collect(run_script(bridge_script_run(proxied, "audio", speed=20)))
            await until_written(path)
        capture = read_capture(path)
        found = await collect(replay_to_bridge(bridge, ReplayPlan(capture=capture, speed=math.inf)))
    assert capture.header.via == "client"
    assert rows(found) == SAME
    with pytest.raises(UsageError, match="client endpoint"):
        await replayed(capture)


def test_a_capture_through_a_bridge_cannot_be_replayed_since_it_has_no_length_of_its_speech() -> None:
    spoken = CaptureEntry(at=0.1, who="client", event={"type": "audio"})
    capture = Capture(header=header("audio", via="client"), entries=[spoken], ending=FinishedEnding(at=1.0))
    with pytest.raises(UsageError, match="make a recording"):
        ReplayPlan(capture=capture).check(from_client=True)


@pytest.mark.parametrize(("text", "speed"), [("original", 1.0), ("full", math.inf), ("2.5", 2.5)])
def test_speeds(text: str, speed: float) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "fast", "nan"])
def test_what_is_no_speed_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="--speed"):
        parse_speed(text)
