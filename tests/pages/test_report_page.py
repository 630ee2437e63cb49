"""The HTML report in a real browser: in both themes, on a desktop and on a phone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from reports.render.html.page import render
from tests.reports.html_samples import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

SCRIPTS = Path(__file__).parent
DESK, PHONE, SMALL = (1280, 900), (360, 740), (320, 568)

Theme = Literal["light", "dark"]


class Opened:
    """A page in the browser, with its console messages and its requests."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page, self.file = page, file
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(file.as_uri())


Open = "Callable[..., Opened]"


@pytest.fixture
def opened(chromium: Browser, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Open a sample as a file in a fresh browser context."""
    contexts = []

    def open_sample(name: str, size: tuple[int, int] = DESK, theme: Theme = "light", **more: Any) -> Opened:
        file = tmp_path / f"{name}.html"
        file.write_text(render(*SAMPLES[name]), encoding="utf-8")
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=theme, **more)
        contexts.append(context)
        return Opened(context.new_page(), file)

    yield open_sample
    for context in contexts:
        context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE, SMALL], ids=["desk", "phone", "small phone"])
@pytest.mark.parametrize("name", SAMPLES)
def test_a_page_is_readable_wherever_it_is_opened(
    opened: Callable[..., Opened], name: str, size: tuple[int, int], theme: Theme
) -> None:
    page = opened(name, size, theme)
    page.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.page.evaluate("document.documentElement.scrollWidth") == size[0]
    faint = page.page.evaluate((SCRIPTS / "contrast.js").read_text(encoding="utf-8"))
    assert faint["texts"] > 20
    assert faint["faint"] == []
    assert page.complaints == []
    assert page.requests == [page.file.as_uri()]


def test_the_two_themes_differ(opened: Callable[..., Opened]) -> None:
    backgrounds = {
        opened("events", theme=theme).page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        for theme in ("light", "dark")
    }
    assert len(backgrounds) == 2


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("healthy", ["Passed", "No problems found.", "8 passed", "accepted by GET /models"]),
        (
            "failed",
            [
                "Failed",
                "Fix the problems below before you deploy.",
                "ACCESS-NO-QUOTA",
                "sherpa-probe explain ACCESS-NO-QUOTA",
            ],
        ),
        ("events", ["response.output_audio_transcript.delta", "events_first_audio_seconds", "1.30 s without an event"]),
        ("lint", ["src/voice/session-0/openSocket.ts:12:13", '"OpenAI-Beta": "realtime=v1"', "7 more places"]),
        ("could-not-look", ["Couldn't run", "nslookup api.openai.example"]),
    ],
)
def test_what_matters_can_be_seen(opened: Callable[..., Opened], name: str, texts: list[str]) -> None:
    page = opened(name).page
    for text in texts:
        assert page.get_by_text(text).first.is_visible(), text


def test_the_verdict_is_seen_on_a_phone_without_scrolling(opened: Callable[..., Opened]) -> None:
    for name in SAMPLES:
        page = opened(name, PHONE).page
        for selector in ("h1", ".sentence", ".counts"):
            box = page.locator(selector).bounding_box()
            assert box is not None
            assert box["y"] + box["height"] < PHONE[1]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_tab_key_reaches_every_control_in_order_and_shows_where_it_is(
    opened: Callable[..., Opened], name: str
) -> None:
    page = opened(name).page
    controls = page.evaluate((SCRIPTS / "controls.js").read_text(encoding="utf-8"))
    reached = []
    for _ in range(controls):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("Number(document.activeElement.dataset.control)"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
    assert reached == list(range(controls))


def test_the_first_key_skips_to_the_content(opened: Callable[..., Opened]) -> None:
    page = opened("failed").page
    page.keyboard.press("Tab")
    assert page.get_by_text("Skip to the content").is_visible()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.tagName") == "MAIN"


@pytest.mark.parametrize("name", ["events", "lint"])
def test_screen_readers_find_landmarks_headings_and_tables(opened: Callable[..., Opened], name: str) -> None:
    tree = opened(name).page.locator("body").aria_snapshot()
    for role in ("banner", "navigation", "main", "contentinfo", "status"):
        assert re.search(rf"^ *- {role}\b", tree, re.MULTILINE), role
    assert '- heading "Failed" [level=1]' in tree
    assert re.search(r'- table "(events|lint)"', tree)
    assert "- 'link \"" in tree or '- link "' in tree


def test_a_session_is_a_table_for_screen_readers(opened: Callable[..., Opened]) -> None:
    tree = opened("events").page.locator(".diagram").aria_snapshot()
    assert 'region "events: audio"' in tree
    assert "columnheader" in tree
    assert re.search(r'row "0.243 client to server: session.update server_vad', tree)
    assert re.search(r'row "0.298 server to client: session.updated"', tree)


def test_a_command_is_copied_and_its_prompt_is_not(opened: Callable[..., Opened]) -> None:
    page = opened("failed", permissions=["clipboard-read", "clipboard-write"]).page
    page.get_by_role("button", name="Copy command").first.click()
    page.get_by_text("Copied.", exact=True).wait_for(state="attached")
    assert page.evaluate("navigator.clipboard.readText()") == "sherpa-probe access"


def test_where_nothing_may_be_copied_the_command_is_selected(opened: Callable[..., Opened]) -> None:
    page = opened("failed").page
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.get_by_role("button", name="Copy command").first.click()
    assert page.evaluate("getSelection().toString()") == "sherpa-probe access"


def test_without_scripts_everything_but_the_buttons_is_there(opened: Callable[..., Opened]) -> None:
    page = opened("events", java_script_enabled=False).page
    assert page.get_by_role("button").count() == 0
    assert page.get_by_text("sherpa-probe explain EVENTS-GAP").is_visible()
    page.locator("summary").first.click()
    assert page.locator("details dd").first.is_visible()


def test_a_long_session_scrolls_in_its_own_box(opened: Callable[..., Opened]) -> None:
    box = opened("events", PHONE).page.locator(".diagram")
    assert box.evaluate("box => box.scrollHeight > box.clientHeight && box.clientHeight < innerHeight")
    assert box.evaluate("box => box.scrollWidth == box.clientWidth")


def test_on_paper_it_is_light_and_nothing_hides_in_a_box(opened: Callable[..., Opened]) -> None:
    page = opened("events", theme="dark").page
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("nav").is_hidden()
    assert page.locator(".diagram").evaluate("box => box.scrollHeight == box.clientHeight")
    assert page.evaluate("[...document.querySelectorAll('details')].every(one => one.open)")
    faint = page.evaluate((SCRIPTS / "contrast.js").read_text(encoding="utf-8"))
    assert faint["faint"] == []


def test_motion_is_for_those_who_like_it(opened: Callable[..., Opened]) -> None:
    page = opened("failed", reduced_motion="reduce").page
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
