"""The console of a bridge in Chromium, with a microphone that plays a file."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

DESK, PHONE = (1280, 900), (390, 844)


class Console:
    """One open page: what it shows, its complaints, and its requests."""

    def __init__(
        self,
        page: Page,
        url: str,
        *,
        expected: tuple[str, ...] = (),
        before: Callable[[Page], object] = lambda _: None,
    ) -> None:
        """`expected` are parts of console messages that a test provokes, such as a refused connection.

        `before` gets the page before it is loaded.
        """
        self.page, self.url, self.expected = page, url, expected
        self.complaints: list[str] = []
        self.requests: list[str] = []
        before(page)
        page.on("console", lambda message: self._complain(message.text))
        page.on("pageerror", lambda error: self._complain(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(url)

    def _complain(self, text: str) -> None:
        if not any(part in text for part in self.expected):
            self.complaints.append(text)

    def wait_for_badge(self, badge: str, seconds: float = 20) -> None:
        """Wait until the badge says so."""
        self.page.locator(f'#badge[data-badge="{badge}"]').wait_for(timeout=seconds * 1000)

    def press(self, name: str) -> None:
        """Press a button by its name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def say(self, text: str) -> None:
        """Type a message and send it."""
        self.page.get_by_label("Message").fill(text)
        self.page.keyboard.press("Enter")

    def wait_for(self, script: str, seconds: float = 20) -> Any:
        """Wait until a JavaScript expression is true, and return its value.

        The page's policy forbids `eval`, which Playwright's own way to wait would need.
        """
        end = time.monotonic() + seconds
        while not (value := self.page.evaluate(script)):
            assert time.monotonic() < end, f"never came: {script}"
            self.page.wait_for_timeout(20)
        return value

    def wait_for_event(self, kind: str) -> None:
        """Wait until the list of events has one of this type."""
        self.page.locator("#events td:nth-child(3)").get_by_text(kind, exact=True).first.wait_for(state="attached")

    def turns(self, role: str) -> list[str]:
        """Return the words of each turn of one side."""
        return self.page.locator(f".turn.{role} > span:nth-child(2)").all_inner_texts()


@contextmanager
def open_console(
    browser: Browser,
    url: str,
    *,
    expected: tuple[str, ...] = (),
    before: Callable[[Page], object] = lambda _: None,
    **context: Any,
) -> Iterator[Console]:
    """Open the console in a context of its own. At the end it must not have complained, nor left its origin."""
    size = context.pop("size", DESK)
    made = browser.new_context(viewport={"width": size[0], "height": size[1]}, **context)
    try:
        console = Console(made.new_page(), url, expected=expected, before=before)
        yield console
        origin = "/".join(url.split("/")[:3])
        assert console.complaints == []
        assert [one for one in console.requests if not one.startswith(origin)] == []
    finally:
        made.close()
