"""The console where the network blocks WebSockets: it works over the REST fallback, says so, and comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.protocol.audio.tracer import TracerSource
from tests.hardening.harness import KEY
from tests.server.page.console import open_console
from tests.server.page.no_websockets import without_websockets
from tests.server.page.test_console_faults import SOCKET_ERROR, speak_tracer, wait_for_loss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.hardening.harness import BridgeProcess, SimulatorThread
    from tests.server.page.console import Console
    from tests.server.page.no_websockets import NoWebSockets

pytestmark = [pytest.mark.browser, pytest.mark.wall_clock]

FORGET = "sessionStorage.setItem('sherpa-fallback-until', String(Date.now() - 1))"


@pytest.fixture
def proxy(bridge: BridgeProcess) -> Iterator[NoWebSockets]:
    with without_websockets(bridge.address) as running:
        yield running


def fallback_requests(console: Console) -> list[str]:
    return [url for url in console.requests if "/sessions" in url]


def test_where_websockets_are_blocked_the_console_talks_and_types_over_the_fallback_and_says_so(
    talking_chromium: Browser, proxy: NoWebSockets
) -> None:
    with open_console(talking_chromium, f"http://{proxy.address}/", expected=(SOCKET_ERROR,)) as console:
        console.press("Talk")
        console.wait_for_badge("Fallback")
        assert console.page.locator("#badge").inner_text() == "Fallback"
        assert proxy.refused == 2
        console.wait_for("document.querySelector('.turn.assistant > span:nth-child(2)')?.textContent.length > 10")
        console.wait_for("document.querySelector('#speaker-level').value > 0")
        assert len(console.turns("user")) == 1
        console.press("Stop")
        answers = len(console.turns("assistant"))
        console.say("And what about my savings?")
        console.wait_for(f"document.querySelectorAll('.turn.assistant').length > {answers}")
        assert console.turns("user")[-1] == "And what about my savings?"
        assert console.page.locator("#badge").inner_text() == "Fallback"
        assert sum(url.endswith("/sessions") for url in fallback_requests(console)) == 1
        console.press("End")
        console.wait_for_badge("none")
        assert proxy.refused == 2


def test_the_tab_remembers_the_fallback_over_a_reload_and_later_comes_back_to_the_websocket(
    talking_chromium: Browser, proxy: NoWebSockets
) -> None:
    with open_console(talking_chromium, f"http://{proxy.address}/", expected=(SOCKET_ERROR,)) as console:
        console.press("Connect")
        console.wait_for_badge("Fallback")
        proxy.blocks = False
        console.page.reload()
        console.press("Connect")
        console.wait_for_badge("Fallback")
        console.page.evaluate(FORGET)  # ten minutes later
        console.say("Does this session stay where it is?")
        console.wait_for_event("response.done")
        assert console.page.locator("#badge").inner_text() == "Fallback"
        console.press("End")
        console.press("Connect")
        console.wait_for_badge("Connected")
        assert proxy.refused == 2


def test_over_the_fallback_no_speech_is_lost_from_the_first_millisecond_on(
    talking_chromium: Browser, proxy: NoWebSockets, simulator: SimulatorThread
) -> None:
    source = TracerSource(caller=7_101)
    with open_console(talking_chromium, f"http://{proxy.address}/", expected=(SOCKET_ERROR,)) as console:
        speak_tracer(console.page, proxy.address, source, 6_000)
        console.wait_for("tracer.client.badge === 'Fallback' && tracer.sent === 300")
        wait_for_loss(console, simulator, source)
        assert simulator.lost_ms(source) == 0
        assert console.page.evaluate("tracer.dropped") == 0


def test_behind_a_proxy_that_holds_streams_back_the_console_polls(
    talking_chromium: Browser, proxy: NoWebSockets
) -> None:
    proxy.holds_streams = True
    with open_console(talking_chromium, f"http://{proxy.address}/", expected=(SOCKET_ERROR,)) as console:
        console.say("What about my savings?")
        console.wait_for_badge("Fallback", 40)
        console.wait_for_event("response.done")
        console.wait_for("document.querySelector('.turn.assistant > span:nth-child(2)')?.textContent.length > 10")
        assert any("wait=25" in url for url in fallback_requests(console))
        assert sum(url.endswith("/sessions") for url in fallback_requests(console)) == 1


def test_a_network_that_cuts_every_request_loses_no_speech(
    talking_chromium: Browser, proxy: NoWebSockets, simulator: SimulatorThread
) -> None:
    source = TracerSource(caller=7_102)
    cut = (SOCKET_ERROR, "net::ERR_")
    with open_console(talking_chromium, f"http://{proxy.address}/", expected=cut) as console:
        speak_tracer(console.page, proxy.address, source, 8_000)
        console.wait_for("tracer.client.badge === 'Fallback'")
        while console.page.evaluate("tracer.sent < 400"):
            proxy.cut()
            console.page.wait_for_timeout(400)
        wait_for_loss(console, simulator, source)
        arrived = simulator.simulator.journal.tracer_account(KEY).counts({source.caller: source.sent_ms})[source.caller]
        assert (arrived.lost_ms, arrived.repeated_ms, arrived.reordered_ms) == (0, 0, 0)
        assert console.page.evaluate("tracer.dropped") == 0
        assert console.page.evaluate("tracer.client.badge") == "Fallback"
        assert sum(url.endswith("/sessions") for url in fallback_requests(console)) == 1
