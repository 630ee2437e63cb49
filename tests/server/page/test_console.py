"""The console in a real browser, through a bridge to the simulator: talk, type, listen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from probes.cli import cli
from probes.recording.capture import read_capture
from tests.hardening.harness import bridge_process
from tests.server.page.console import open_console

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.hardening.harness import BridgeProcess

pytestmark = [pytest.mark.browser, pytest.mark.wall_clock]


def test_a_spoken_sentence_is_heard_and_answered_and_both_are_read(
    talking_chromium: Browser, bridge: BridgeProcess
) -> None:
    with open_console(talking_chromium, f"http://{bridge.address}/") as console:
        console.press("Talk")
        console.wait_for_badge("Connected")
        console.wait_for("document.querySelector('.turn.assistant > span:nth-child(2)')?.textContent.length > 10")
        console.wait_for("document.querySelector('#speaker-level').value > 0")
        console.wait_for("document.querySelector('[data-figure=firstAudio]').textContent.endsWith('ms')")
        assert console.page.locator("#talk").get_attribute("aria-pressed") == "true"
        assert len(console.turns("user")) == 1
        console.press("Stop")
        console.press("End")
        console.wait_for_badge("none")
        assert console.page.locator("#badge").inner_text() == "Not connected"


def test_a_caller_who_speaks_up_silences_the_answer(talking_chromium: Browser, bridge: BridgeProcess) -> None:
    with open_console(talking_chromium, f"http://{bridge.address}/") as console:
        console.say(
            "Tell me everything about savings, interest rates, funds, bonds, pensions, taxes and insurance, please."
        )
        console.wait_for("!document.querySelector('#interrupt').disabled")
        console.press("Talk")
        console.page.get_by_text(re.compile(r"Interrupted after \d\.\d s")).wait_for()
        shown = console.page.locator("[data-figure=bargeIn]").inner_text()
        assert int(shown.removesuffix(" ms")) <= 50
        console.wait_for_event("interrupt")
        console.wait_for_event("conversation.item.truncated")
        metrics = console.page.request.get(f"http://{bridge.address}/metrics").text()
        assert re.search(r"^sherpa_bridge_speech_over_answers_total [1-9]", metrics, flags=re.MULTILINE)


def test_a_session_is_downloaded_and_the_probe_finds_its_events_in_order(
    talking_chromium: Browser, bridge: BridgeProcess, tmp_path: Path
) -> None:
    file = tmp_path / "page.ndjson"
    with open_console(talking_chromium, f"http://{bridge.address}/") as console:
        console.say("What about my secret savings?")
        console.wait_for_event("response.done")
        with console.page.expect_download() as download:
            console.page.get_by_role("button", name="Download").click()
        assert re.fullmatch(r"sherpa-[\dT-]+\.ndjson", download.value.suggested_filename)
        download.value.save_as(file)
    assert "secret savings" not in file.read_text()
    assert {"create_session", "text", "session.created", "response.done"} <= {
        one.type for one in read_capture(file).entries
    }
    done = CliRunner().invoke(cli, ["events", "--from", str(file)])
    assert "all events in the order of the protocol" in done.output


def test_a_scenario_is_chosen_and_watched(talking_chromium: Browser, tmp_path: Path) -> None:
    with (
        bridge_process(tmp_path, "--simulate") as simulated,
        open_console(talking_chromium, f"http://{simulated.address}/") as console,
    ):
        console.page.get_by_role("heading", name="Break it").wait_for()
        console.page.get_by_label("Scenario").select_option("invalid-key")
        console.page.get_by_text("the API key is refused everywhere").wait_for()
        console.press("Use it")
        console.page.get_by_text("applies from the next session on").wait_for()
        console.press("Connect")
        console.wait_for_badge("Error")
        console.page.get_by_label("Scenario").select_option("good")
        console.press("Use it")
        console.page.get_by_text("“good” applies").wait_for()
        console.press("Try again")
        console.wait_for_badge("Connected")
        console.press("Cut the connection")
        console.wait_for_event("reconnecting")
        console.wait_for_badge("Connected")


def test_a_bridge_with_several_workers_says_that_a_fault_reaches_one_of_them(
    talking_chromium: Browser, tmp_path: Path
) -> None:
    with (
        bridge_process(tmp_path, "--simulate", "--workers", "2") as simulated,
        open_console(talking_chromium, f"http://{simulated.address}/") as console,
    ):
        console.page.get_by_text("This bridge has 2 workers, each with a simulator of its own").wait_for()


def test_a_bridge_with_a_real_upstream_shows_no_fault_panel(talking_chromium: Browser, bridge: BridgeProcess) -> None:
    with open_console(talking_chromium, f"http://{bridge.address}/") as console:
        console.press("Connect")
        console.wait_for_badge("Connected")
        assert console.page.locator("#simulator").is_hidden()
