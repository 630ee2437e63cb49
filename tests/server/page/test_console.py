"""The console in a real browser, through a bridge to the simulator: talk, type, listen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.server.page.console import open_console

if TYPE_CHECKING:
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
