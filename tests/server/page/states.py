"""Every state that the console can show, each made as it comes about. For tests, and for a look at all of them:

    python -m tests.server.page.states FOLDER [NAME ...]

takes a picture of each, on a desktop and on a phone, in both themes.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.server.page.console import DESK, PHONE, open_console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page, WebSocketRoute

    from tests.server.page.console import Console

SIZES = {"desktop": DESK, "phone": PHONE}
THEMES = ("light", "dark")
_SOCKET_ERROR = "WebSocket connection to"
_READY = {"type": "session_ready", "sessionId": "sess_CVtFY3pYc8gmUwq3i8ckB", "model": "gpt-realtime-2.1"}
_CONNECTED = {"type": "connected", "clientId": "0b6f4d1e-51f7-4f0c-a1e3-6a2f0b1f9a55", "protocol": 1}
_NO_MICROPHONE = """(name) => {
  navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("x", name); };
}"""

Answer = "Callable[[WebSocketRoute, str], None]"


@dataclass(frozen=True, slots=True)
class ConsoleState:
    """One state: how the bridge answers, and what the person does."""

    name: str
    reach: Callable[[Console], None]
    answer: Callable[[WebSocketRoute, str], None] | None = None
    """What the played bridge does with each message of the client, by its type; None: the real bridge."""
    query: str = ""


def _send(route: WebSocketRoute, message: dict[str, Any]) -> None:
    route.send(json.dumps({"timestamp": "2026-11-29T12:00:00.000Z", **message}))


def _good(route: WebSocketRoute, kind: str) -> None:
    if kind == "create_session":
        for message in (_CONNECTED, {"type": "session_initializing", "generation": 1, "attempt": 1, "maxAttempts": 3}):
            _send(route, message)
        _send(route, {**_READY, "generation": 1})


def _initializing(route: WebSocketRoute, kind: str) -> None:
    if kind == "create_session":
        _send(route, _CONNECTED)
        _send(route, {"type": "session_initializing", "generation": 1, "attempt": 1, "maxAttempts": 3})


def _lost(route: WebSocketRoute, kind: str) -> None:
    _good(route, kind)
    if kind == "text":
        _spoken(route, "resp_1", "item_1", "Your savings account holds four hundred dollars, and")
        lost = {"attempt": 1, "maxAttempts": 5, "delayMs": 1200, "reason": "the service closed the connection"}
        _send(route, {"type": "reconnecting", "generation": 1, **lost})


def _error(code: str, message: str, *, retryable: bool) -> dict[str, Any]:
    return {"type": "error", "code": code, "message": message, "retryable": retryable, "suppressed": 0, "generation": 1}


def _refused(route: WebSocketRoute, kind: str) -> None:
    if kind == "create_session":
        _send(route, _CONNECTED)
        error = _error("AUTHENTICATION_FAILED", "The API key was refused.", retryable=False)
        _send(route, {**error, "detail": {"attempts": 1, "status": 401}})


def _flood(route: WebSocketRoute, kind: str) -> None:
    _good(route, kind)
    if kind == "create_session":
        for number in range(200):
            _send(route, _error("UPSTREAM_ERROR", f"The service had a problem, number {number}.", retryable=True))


def _spoken(route: WebSocketRoute, response: str, item: str, text: str) -> None:
    """An answer as far as its text."""
    at = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
    _send(route, {"type": "response.created", "response": {"id": response, "status": "in_progress"}})
    for word in text.split():
        _send(route, {"type": "response.output_audio_transcript.delta", "delta": f"{word} ", **at})


def _talking(route: WebSocketRoute, kind: str) -> None:
    _good(route, kind)
    if kind == "text":
        text = "You have four hundred dollars in savings, and twelve hundred in your pension fund."
        _spoken(route, "resp_1", "item_1", text)
        at = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
        _send(route, {"type": "response.output_audio_transcript.done", "transcript": text, **at})
        _send(route, {"type": "response.done", "response": {"id": "resp_1", "status": "completed"}})
        tokens = {"inputTokens": 412, "outputTokens": 96, "cachedTokens": 320, "audioInputTokens": 0}
        counted = {**tokens, "audioOutputTokens": 70, "costUsd": 0.0051}
        _send(route, {"type": "usage", "generation": 1, **counted, "total": counted})


def _connect(console: Console) -> None:
    console.press("Connect")


def _until(badge: str) -> Callable[[Console], None]:
    def reach(console: Console) -> None:
        console.press("Connect")
        console.wait_for_badge(badge, 40)

    return reach


def _talk_over(console: Console) -> None:
    console.say("How much do I have in savings?")
    console.wait_for_event("usage")


def _lose(console: Console) -> None:
    console.say("How much do I have in savings?")
    console.wait_for_badge("Reconnecting")


def _microphone(problem: str, words: str) -> Callable[[Console], None]:
    def reach(console: Console) -> None:
        console.page.evaluate(_NO_MICROPHONE, problem)
        console.press("Talk")
        console.page.get_by_text(words).wait_for()

    return reach


def _insecure(console: Console) -> None:
    console.page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    console.press("Talk")
    console.page.get_by_text("This page may not use the microphone").wait_for()


def _second_tab(console: Console) -> None:
    first = console.page.context.new_page()
    first.goto(console.url)
    first.get_by_role("button", name="Connect", exact=True).click()
    first.locator('#badge[data-badge="Connected"]').wait_for()
    console.page.bring_to_front()
    console.press("Connect")
    console.page.get_by_text("Another tab of this browser is connected").wait_for()


def _wait_for_flood(console: Console) -> None:
    console.press("Connect")
    console.page.get_by_text(re.compile(r"\(\d+ errors\)")).wait_for()


def _break_it(console: Console) -> None:
    console.page.get_by_role("heading", name="Break it").wait_for()
    console.page.get_by_label("Scenario").select_option("flaky-session")
    console.press("Use it")
    console.page.get_by_text("applies from the next session on").wait_for()
    console.page.locator("summary").click()


def _nothing(_: Console) -> None:
    """The page as it opens."""


STATES = {
    state.name: state
    for state in (
        ConsoleState("not connected", _nothing, _good),
        ConsoleState("initializing", _connect, _initializing),
        ConsoleState("connected", _talk_over, _talking),
        ConsoleState("reconnecting", _lose, _lost),
        ConsoleState("fallback", _until("Fallback")),
        ConsoleState("error", _until("Error"), _refused),
        ConsoleState("microphone refused", _microphone("NotAllowedError", "The microphone is blocked"), _good),
        ConsoleState("no microphone", _microphone("NotFoundError", "No microphone was found"), _good),
        ConsoleState("insecure origin", _insecure, _good),
        ConsoleState("second tab", _second_tab, _good),
        ConsoleState("error flood", _wait_for_flood, _flood),
        ConsoleState("scenario panel", _break_it),
    )
}


@contextmanager
def console_in(state: ConsoleState, browser: Browser, url: str, **context: Any) -> Iterator[Console]:
    """Open the console and bring it into this state. `url` is a bridge's own, or for `fallback` a proxy's."""

    def play(page: Page) -> None:
        answer = state.answer
        if answer is None:
            return

        def on_open(route: WebSocketRoute) -> None:
            route.on_message(lambda message: answer(route, _kind(message)))

        page.context.route_web_socket("**/api/**", on_open)

    with open_console(browser, url + state.query, expected=(_SOCKET_ERROR,), before=play, **context) as console:
        state.reach(console)
        yield console


def _kind(message: str | bytes) -> str:
    return "audio" if isinstance(message, bytes) else str(json.loads(message)["type"])


def show(console: Console, size: str, theme: Any) -> None:
    """Make the window this large, in this theme."""
    width, height = SIZES[size]
    console.page.set_viewport_size({"width": width, "height": height})
    console.page.emulate_media(color_scheme=theme, reduced_motion="reduce")


def main(folder: Path, names: list[str]) -> None:
    """Take the pictures."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - for this command only

    from tests.browser import launch_chromium  # noqa: PLC0415
    from tests.hardening.harness import bridge_process  # noqa: PLC0415
    from tests.server.page.no_websockets import without_websockets  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        browser = launch_chromium(stack.enter_context(sync_playwright()))
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bridge = stack.enter_context(bridge_process(home, "--simulate"))
        proxy = stack.enter_context(without_websockets(bridge.address))
        for name in names or STATES:
            address = proxy.address if name == "fallback" else bridge.address
            with console_in(STATES[name], browser, f"http://{address}/") as console:
                for size in SIZES:
                    for theme in THEMES:
                        show(console, size, theme)
                        console.page.screenshot(
                            path=folder / f"{name.replace(' ', '-')}-{size}-{theme}.png", full_page=True
                        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
