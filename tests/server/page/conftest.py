"""A browser whose microphone plays a sentence, a simulator, and a bridge between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.protocol.audio.pcm import silence
from bridge.protocol.audio.wav import encode_wav
from bridge.simulator.session.voice import synthesize
from tests.browser import launch_chromium
from tests.hardening.harness import KEY, BridgeProcess, SimulatorThread, bridge_process, simulator_thread
from tests.server.page.javascript import JavaScript, running_javascript

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Playwright

#: What the microphone hears: a sentence, and then nothing for as long as a test lasts.
SENTENCE = "Could you please tell me how my savings are doing today?"


@pytest.fixture(scope="session")
def talking_chromium(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    wav = tmp_path_factory.mktemp("microphone") / "sentence.wav"
    wav.write_bytes(encode_wav(silence(400) + synthesize(SENTENCE) + silence(40_000)))
    browser = launch_chromium(
        playwright,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={wav}",
    )
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorThread]:
    with simulator_thread() as running:
        yield running


@pytest.fixture(scope="module")
def bridge(simulator: SimulatorThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BridgeProcess]:
    # A browser complains of each refusal, and a crowded machine is no reason to refuse here.
    environment = {"BRIDGE_KEY": KEY, "SHERPA_BRIDGE_SHED_LAG_MS": "0"}
    words = ("--upstream", simulator.url, "--api-key-env", "BRIDGE_KEY")
    with bridge_process(tmp_path_factory.mktemp("bridge"), *words, **environment) as running:
        yield running


@pytest.fixture(scope="session")
def javascript() -> Iterator[JavaScript]:
    with running_javascript() as running:
        yield running
