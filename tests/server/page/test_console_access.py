"""The console for everyone: both themes, a phone, the keyboard, a screen reader, little motion."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from tests.server.page.console import DESK, PHONE, open_console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.hardening.harness import BridgeProcess
    from tests.server.page.console import Console

pytestmark = [pytest.mark.browser, pytest.mark.wall_clock]

SCRIPTS = Path(__file__).parents[2] / "pages"
SMALL = (320, 568)


def script(name: str) -> str:
    return (SCRIPTS / name).read_text(encoding="utf-8")


@pytest.fixture
def desk(talking_chromium: Browser, bridge: BridgeProcess) -> Iterator[Console]:
    with open_console(talking_chromium, f"http://{bridge.address}/", reduced_motion="reduce") as console:
        yield console


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE, SMALL], ids=["desk", "phone", "small phone"])
def test_everything_can_be_read_in_both_themes_and_on_a_phone(
    talking_chromium: Browser, bridge: BridgeProcess, size: tuple[int, int], theme: Literal["light", "dark"]
) -> None:
    with open_console(
        talking_chromium, f"http://{bridge.address}/", size=size, color_scheme=theme, reduced_motion="reduce"
    ) as console:
        console.say("What about my savings?")
        console.wait_for_badge("Connected")
        console.page.locator(".turn.assistant").wait_for()
        console.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        for badge in ("none", "Initializing…", "Connected", "Reconnecting", "Fallback", "Error"):
            console.page.evaluate("(badge) => { document.querySelector('#badge').dataset.badge = badge; }", badge)
            found = console.page.evaluate(script("contrast.js"))
            assert found["texts"] > 30
            assert found["faint"] == []
        assert console.page.evaluate("document.documentElement.scrollWidth") == size[0]


def test_the_tab_key_reaches_every_control_in_order_and_shows_where_it_is(desk: Console) -> None:
    controls = desk.page.evaluate(
        script("controls.js").replace("a[href], button", "a[href], input, select, textarea, button:enabled")
    )
    assert controls >= 12
    reached = []
    for _ in range(controls):
        desk.page.keyboard.press("Tab")
        reached.append(desk.page.evaluate("Number(document.activeElement.dataset.control)"))
        assert desk.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert reached == list(range(controls))


def test_a_screen_reader_finds_landmarks_headings_names_and_what_changes(desk: Console) -> None:
    tree = desk.page.locator("body").aria_snapshot()
    for role in ("banner", "main", "contentinfo"):
        assert re.search(rf"^ *- {role}\b", tree, re.MULTILINE), role
    for heading in ("Conversation", "Latency", "Session", "Events"):
        assert f'heading "{heading}" [level=2]' in tree
    assert 'heading "Sherpa Realtime" [level=1]' in tree
    assert "status: Not connected" in tree
    assert 'log "Transcript"' in tree
    assert 'img "First audio of the last answers: none yet"' in tree
    for control in (
        'button "Talk"',
        'textbox "Message"',
        'searchbox "Filter by type"',
        'meter "You"',
        'meter "Assistant"',
    ):
        assert control in tree, control
    nameless = desk.page.evaluate(
        "[...document.querySelectorAll('button, input, select, textarea')]"
        ".filter((one) => !(one.labels?.length || one.textContent.trim())).length"
    )
    assert nameless == 0


def test_an_answer_is_read_out_once_when_it_is_complete(desk: Console) -> None:
    desk.say("Hello there")
    desk.page.locator('.turn.assistant[aria-busy="true"]').wait_for()
    desk.page.locator('.turn.assistant[aria-busy="false"]').wait_for()


def test_with_the_keyboard_alone_a_message_is_typed_and_the_list_is_filtered(desk: Console) -> None:
    desk.say("What about my savings?")
    desk.wait_for_badge("Connected")
    desk.page.locator(".turn.assistant").wait_for()
    desk.page.get_by_label("Filter by type").fill("session")
    rows = desk.page.locator("#events td:nth-child(3)")
    desk.wait_for(
        "[...document.querySelectorAll('#events td:nth-child(3)')].every((one) => one.textContent.includes('session'))"
    )
    assert rows.count() > 0
    desk.page.get_by_label("Filter by type").fill("")
    desk.page.get_by_role("button", name="Pause").focus()
    desk.page.keyboard.press("Enter")
    before = rows.count()
    desk.say("Something else")
    desk.page.wait_for_timeout(500)
    assert rows.count() == before
    desk.page.get_by_role("button", name="Pause").focus()
    desk.page.keyboard.press("Enter")
    assert rows.count() > before


def test_motion_is_for_those_who_like_it(desk: Console) -> None:
    assert desk.page.evaluate("getComputedStyle(document.querySelector('#connect')).transitionDuration") == "0s"


def test_ids_are_copied(talking_chromium: Browser, bridge: BridgeProcess) -> None:
    granted = ["clipboard-read", "clipboard-write"]
    with open_console(talking_chromium, f"http://{bridge.address}/", permissions=granted) as console:
        console.press("Connect")
        console.wait_for_badge("Connected")
        console.press("Copy session id")
        console.page.get_by_text("Copied.").wait_for()
        copied = console.page.evaluate("navigator.clipboard.readText()")
        assert copied == console.page.locator("[data-field=sessionId]").inner_text()
        assert copied.startswith("sess_")
