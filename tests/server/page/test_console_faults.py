"""The console while things break: the upstream, the bridge, the session, the microphone, a second tab."""

from __future__ import annotations

import base64
import json
import re
import time
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from bridge.client_protocol.errors import ERROR_WINDOW_SECONDS
from bridge.protocol.audio.tracer import TracerSource
from bridge.server.admission.tickets import make_ticket
from bridge.simulator.faults.actions import Drop
from bridge.simulator.faults.session_faults import StormFault
from reports.redaction import Secret
from tests.hardening.harness import KEY, bridge_process
from tests.server.page.console import open_console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, WebSocketRoute

    from tests.hardening.harness import BridgeProcess, SimulatorThread
    from tests.server.page.console import Console

pytestmark = [pytest.mark.browser, pytest.mark.wall_clock]

SOCKET_ERROR = "WebSocket connection to"

#: Speaks tracer audio through a client of its own, in real time, and tells how the session went.
TRACER_CLIENT = """
async ({ url, chunks, options }) => {
  const { SherpaClient } = await import("/sherpa-client.js");
  const client = new SherpaClient({ url, session: { turnDetection: "none" }, ...options });
  globalThis.tracer = { client, sent: 0, badges: [], dropped: 0 };
  client.addEventListener("state", ({ detail }) => tracer.badges.push(detail.badge));
  client.addEventListener("dropped", ({ detail }) => { tracer.dropped += detail.ms; });
  client.start();
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const timer = setInterval(() => {
    const chunk = chunks[tracer.sent];
    if (chunk === undefined) { clearInterval(timer); return; }
    client.sendAudio(bytes(chunk));
    tracer.sent += 1;
  }, 20);
}
"""


#: Remembers every track of the microphone.
WATCH_TRACKS = """() => {
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  globalThis.tracks = [];
  navigator.mediaDevices.getUserMedia = async (asked) => {
    const stream = await real(asked);
    tracks.push(...stream.getTracks());
    return stream;
  };
}"""


def speak_tracer(page: Page, address: str, source: TracerSource, ms: int, **options: Any) -> None:
    """Let a client in the page speak tracer audio."""
    pieces = [base64.b64encode(source.speech(20)).decode() for _ in range(ms // 20)]
    given = {"url": f"ws://{address}/api/openai/realtime", "chunks": pieces, "options": options}
    page.evaluate(TRACER_CLIENT, given)


def url_of(bridge: BridgeProcess) -> str:
    return f"http://{bridge.address}/"


def wait_for_loss(console: Console, simulator: SimulatorThread, source: TracerSource) -> None:
    """Wait until everything that was spoken has arrived at the simulator."""
    for _ in range(250):
        if simulator.lost_ms(source) == 0:
            return
        console.page.wait_for_timeout(20)


def test_of_what_is_spoken_before_the_session_is_ready_nothing_is_lost(
    talking_chromium: Browser, bridge: BridgeProcess, simulator: SimulatorThread
) -> None:
    source = TracerSource(caller=7_001)
    with open_console(talking_chromium, url_of(bridge)) as console:
        speak_tracer(console.page, bridge.address, source, 2_000)
        console.wait_for("tracer.sent === 100")
        wait_for_loss(console, simulator, source)
        assert simulator.lost_ms(source) == 0
        assert console.page.evaluate("tracer.dropped") == 0


def test_an_upstream_that_is_cut_in_mid_sentence_loses_nothing(
    talking_chromium: Browser, bridge: BridgeProcess, simulator: SimulatorThread
) -> None:
    source = TracerSource(caller=7_002)
    with open_console(talking_chromium, url_of(bridge)) as console:
        speak_tracer(console.page, bridge.address, source, 4_000)
        console.wait_for("tracer.client.badge === 'Connected' && tracer.sent > 60")
        for session in list(simulator.simulator.connections):
            simulator.inject(Drop(), session)
        console.wait_for("tracer.badges.includes('Reconnecting')")
        console.wait_for("tracer.client.badge === 'Connected' && tracer.sent === 200")
        wait_for_loss(console, simulator, source)
        assert simulator.lost_ms(source) == 0


def test_a_bridge_that_is_restarted_in_mid_sentence_loses_nothing(
    talking_chromium: Browser, simulator: SimulatorThread, tmp_path: Path
) -> None:
    source = TracerSource(caller=7_003)
    words = ("--upstream", simulator.url, "--api-key-env", "BRIDGE_KEY")
    with bridge_process(tmp_path, *words, BRIDGE_KEY=KEY) as first:
        port = first.address.rpartition(":")[2]
        opened = open_console(talking_chromium, url_of(first), expected=(SOCKET_ERROR,))
        console = opened.__enter__()
        speak_tracer(console.page, first.address, source, 6_000, openFallback=None)  # the WebSocket's own recovery
        console.wait_for("tracer.client.badge === 'Connected' && tracer.sent > 60")
    console.wait_for("tracer.client.badge === 'Reconnecting'")
    with bridge_process(tmp_path, *words, "--port", port, BRIDGE_KEY=KEY):
        console.wait_for("tracer.client.badge === 'Connected' && tracer.sent === 300", 40)
        wait_for_loss(console, simulator, source)
        assert simulator.lost_ms(source) == 0
        assert console.page.evaluate("tracer.dropped") == 0
        opened.__exit__(None, None, None)


def test_the_badge_follows_a_lost_upstream_and_the_cut_answer_is_marked(
    talking_chromium: Browser, bridge: BridgeProcess, simulator: SimulatorThread
) -> None:
    with open_console(talking_chromium, url_of(bridge)) as console:
        console.say("Tell me a long story about savings, interest, funds and pensions.")
        console.wait_for_badge("Connected")
        console.page.locator(".turn.assistant").wait_for()
        for session in list(simulator.simulator.connections):
            simulator.inject(Drop(), session)
        console.wait_for_event("recovering")
        console.wait_for_badge("Connected")
        generation = console.page.locator("[data-field=generation]").inner_text()
        assert int(generation) >= 2


def test_a_flood_of_errors_shows_one_message_in_two_seconds(talking_chromium: Browser, bridge: BridgeProcess) -> None:
    answers = [
        {"type": "connected", "clientId": "c", "protocol": 1},
        {"type": "session_ready", "sessionId": "s", "generation": 1},
    ]

    def flood(route: WebSocketRoute) -> None:
        def answer(message: str | bytes) -> None:
            if isinstance(message, str) and json.loads(message)["type"] == "create_session":
                for one in answers:
                    route.send(json.dumps(one))
                for number in range(200):
                    route.send(json.dumps(error_message("UPSTREAM_ERROR", f"number {number}")))

        route.on_message(answer)

    with played_bridge(talking_chromium, bridge, flood) as console:
        count_notices(console.page)
        console.press("Connect")
        console.wait_for_badge("Connected")
        console.wait_for(f"({TOLD}) === 200")
        notices = console.page.evaluate("notices")
        assert all("The voice service reported an error" in one["text"] for one in notices)
        assert_apart(notices)


def test_readiness_that_never_comes_is_told_and_tried_again_and_then_left_to_the_person(
    talking_chromium: Browser, bridge: BridgeProcess
) -> None:
    def mute(route: WebSocketRoute) -> None:
        route.on_message(lambda _: None)

    with played_bridge(talking_chromium, bridge, mute, "?readinessMs=200") as console:
        console.press("Connect")
        console.page.get_by_text("The session didn't become ready in time").wait_for()
        console.wait_for_badge("Reconnecting")
        console.wait_for_badge("Error", 40)
        assert console.page.get_by_role("button", name="Try again").is_visible()


def test_no_session_exists_is_answered_by_create_session(talking_chromium: Browser, bridge: BridgeProcess) -> None:
    created: list[str] = []

    def forgetful(route: WebSocketRoute) -> None:
        def answer(message: str | bytes) -> None:
            if isinstance(message, bytes) or json.loads(message)["type"] != "create_session":
                return
            created.append(message)
            first = len(created) == 1
            reply = (
                error_message("NO_SESSION_EXISTS")
                if first
                else {"type": "session_ready", "sessionId": "s", "generation": 1}
            )
            route.send(json.dumps(reply))

        route.on_message(answer)

    with played_bridge(talking_chromium, bridge, forgetful) as console:
        console.press("Connect")
        console.wait_for_badge("Connected")
        assert len(created) == 2


def test_a_refused_key_is_an_error_in_plain_words(
    talking_chromium: Browser, simulator: SimulatorThread, tmp_path: Path
) -> None:
    words = ("--upstream", simulator.url, "--api-key-env", "BRIDGE_KEY")
    with (
        bridge_process(tmp_path, *words, BRIDGE_KEY="sk-invalid-0123456789abcdef") as refused,
        open_console(talking_chromium, url_of(refused)) as console,
    ):
        console.press("Connect")
        console.wait_for_badge("Error")
        assert "The bridge's API key was refused" in console.page.locator("#notices").inner_text()
        assert "sk-" not in console.page.locator("body").inner_text()


def test_a_bridge_that_needs_a_token_says_so_and_a_ticket_opens_it(
    talking_chromium: Browser, simulator: SimulatorThread, tmp_path: Path
) -> None:
    token = "a-token-for-the-tests-0123456789"
    words = ("--upstream", simulator.url, "--api-key-env", "BRIDGE_KEY", "--client-token-env", "CLIENT_TOKEN")
    with (
        bridge_process(tmp_path, *words, BRIDGE_KEY=KEY, CLIENT_TOKEN=token) as guarded,
        open_console(talking_chromium, url_of(guarded), expected=(SOCKET_ERROR,)) as console,
    ):
        console.press("Connect")
        console.wait_for_badge("Error")
        console.page.get_by_text("The bridge needs a token").wait_for()
        console.page.locator("summary").click()
        console.page.get_by_label("Token or ticket").fill(make_ticket(Secret(token), time.time(), 60).reveal())
        console.press("Try again")
        console.wait_for_badge("Connected")


def test_barge_in_is_silent_at_once_and_truncates_at_what_was_played(
    talking_chromium: Browser, bridge: BridgeProcess
) -> None:
    with open_console(talking_chromium, url_of(bridge)) as console:
        console.say("Please tell me everything that you know about interest rates.")
        console.wait_for("!document.querySelector('#interrupt').disabled")
        console.page.wait_for_timeout(700)
        console.press("Interrupt")
        console.page.get_by_text(re.compile(r"Interrupted after \d\.\d s")).wait_for()
        shown = console.page.locator("[data-figure=bargeIn]").inner_text()
        assert int(shown.removesuffix(" ms")) <= 50
        console.wait_for_event("interrupt")
        console.wait_for_event("conversation.item.truncated")


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("NotAllowedError", "The microphone is blocked"),
        ("NotFoundError", "No microphone was found"),
        ("NotReadableError", "The microphone is in use"),
        ("StrangeError", "The microphone failed: StrangeError"),
    ],
)
def test_a_microphone_that_cannot_be_used_is_told_in_clear_words(
    talking_chromium: Browser, bridge: BridgeProcess, name: str, title: str
) -> None:
    with open_console(talking_chromium, url_of(bridge)) as console:
        console.page.evaluate(
            "(name) => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('x', name); }; }",
            name,
        )
        console.press("Talk")
        console.page.get_by_text(title).wait_for()
        assert console.page.locator("#talk").get_attribute("aria-pressed") == "false"


def test_where_sound_never_starts_the_microphone_is_let_go_and_the_reason_told(
    talking_chromium: Browser, bridge: BridgeProcess
) -> None:
    with open_console(talking_chromium, url_of(bridge)) as console:
        console.page.evaluate(WATCH_TRACKS)
        console.page.evaluate("() => { AudioContext.prototype.resume = () => new Promise(() => {}); }")
        console.press("Talk")
        console.page.get_by_text("This device has no sound").wait_for()
        console.wait_for("tracks.length === 1 && tracks[0].readyState === 'ended'")


def test_on_an_insecure_origin_the_reason_is_told(talking_chromium: Browser, bridge: BridgeProcess) -> None:
    with open_console(talking_chromium, url_of(bridge)) as console:
        console.page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
        console.press("Talk")
        console.page.get_by_text("This page may not use the microphone").wait_for()
        console.page.get_by_text("https:// pages").wait_for()


def test_a_second_tab_is_told_and_can_go_on_anyway(talking_chromium: Browser, bridge: BridgeProcess) -> None:
    with open_console(talking_chromium, url_of(bridge)) as console:
        console.press("Connect")
        console.wait_for_badge("Connected")
        second = console.page.context.new_page()
        second.goto(url_of(bridge))
        second.get_by_role("button", name="Connect", exact=True).click()
        second.get_by_text("Another tab of this browser is connected").wait_for()
        assert second.locator("#badge").inner_text() == "Not connected"
        second.get_by_role("button", name="Connect anyway").click()
        second.locator('#badge[data-badge="Connected"]').wait_for()
        second.close()


def test_the_microphone_is_off_when_the_talk_is_over_and_when_the_page_is_left(
    talking_chromium: Browser, bridge: BridgeProcess
) -> None:
    with open_console(talking_chromium, url_of(bridge)) as console:
        console.page.evaluate(WATCH_TRACKS)
        console.press("Talk")
        console.wait_for("tracks.length === 1 && tracks[0].readyState === 'live'")
        console.wait_for("document.querySelector('#talk').textContent.includes('Stop')")
        console.press("Stop")
        console.wait_for("tracks[0].readyState === 'ended'")
        console.press("Talk")
        console.wait_for("tracks.length === 2 && document.querySelector('#talk').textContent.includes('Stop')")
        console.press("End")
        console.wait_for("tracks[1].readyState === 'ended'")
        console.wait_for_badge("none")
        console.press("Talk")
        console.wait_for("tracks.length === 3 && document.querySelector('#talk').textContent.includes('Stop')")
        console.page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
        console.wait_for("tracks[2].readyState === 'ended'")
        console.wait_for_badge("Reconnecting")
        console.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        console.wait_for_badge("Connected")


def test_offline_says_reconnecting_and_online_connects_again(talking_chromium: Browser, bridge: BridgeProcess) -> None:
    with open_console(talking_chromium, url_of(bridge)) as console:
        console.press("Connect")
        console.wait_for_badge("Connected")
        console.page.context.set_offline(offline=True)
        console.wait_for_badge("Reconnecting")
        console.page.context.set_offline(offline=False)
        console.wait_for_badge("Connected")


def test_a_storm_at_the_upstream_shows_no_flood(
    talking_chromium: Browser, bridge: BridgeProcess, simulator: SimulatorThread
) -> None:
    simulator.set_faults(StormFault(50))
    try:
        with open_console(talking_chromium, url_of(bridge)) as console:
            count_notices(console.page)
            console.press("Connect")
            console.wait_for_badge("Connected")
            console.wait_for(f"({TOLD}) >= 2")
            assert_apart(console.page.evaluate("notices"))
    finally:
        simulator.clear_faults()


@contextmanager
def played_bridge(
    browser: Browser, bridge: BridgeProcess, answer: Callable[[WebSocketRoute], None], query: str = ""
) -> Iterator[Console]:
    """Open the console of a bridge whose WebSocket the test plays itself."""
    with open_console(
        browser, url_of(bridge) + query, before=lambda page: page.route_web_socket("**/api/**", answer)
    ) as console:
        yield console


def error_message(code: str, message: str = "something happened") -> dict[str, Any]:
    return {"type": "error", "code": code, "message": message, "retryable": True, "suppressed": 0, "generation": 1}


#: How many errors all notices so far stand for.
TOLD = "notices.reduce((sum, { text }) => sum + Number(/\\((\\d+) errors\\)/.exec(text)?.[1] ?? 1), 0)"


def assert_apart(notices: list[dict[str, Any]]) -> None:
    """At most one in a window, however slow the machine: their times are the page's own."""
    gaps = [later["at"] - earlier["at"] for earlier, later in pairwise(notices)]
    assert all(gap >= ERROR_WINDOW_SECONDS * 1_000 - 100 for gap in gaps), gaps


def count_notices(page: Page) -> None:
    """Note each notice that the page shows, with its time."""
    page.evaluate(
        """() => {
          globalThis.notices = [];
          new MutationObserver((changes) => {
            for (const { addedNodes } of changes) {
              for (const { textContent } of addedNodes) notices.push({ at: performance.now(), text: textContent });
            }
          }).observe(document.querySelector("#notices"), { childList: true });
        }"""
    )
