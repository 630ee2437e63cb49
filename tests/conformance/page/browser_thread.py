"""Chromium for a program on trio: Playwright runs in a thread with an asyncio loop of its own.

Pages of the suite hold `driver.js` and the browser client, at the origin of the bridge under test, whatever it serves:
requests below `/suite/` are answered from here, and all others reach the bridge.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import trio
from playwright.async_api import async_playwright

from tests.browser import CHROMIUM_ARGUMENTS, chromium_path

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from playwright.async_api import Browser, Page, Route

Result = TypeVar("Result")
#: A page that no server has sent is taken for one of the internet, which may not connect to this machine unasked.
_LOOPBACK: Final = "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets"
_CALL: Final = "([name, ...given]) => globalThis.suite[name](...given)"
_LOAD: Final = "async () => { globalThis.suite = await import('/suite/driver.js'); }"


class BrowserThread:
    """A running browser. `ask` hands a coroutine to its loop."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.browser: Browser | None = None
        self.started = threading.Event()
        self.over = asyncio.Event()

    def run(self) -> None:
        """Run until `over` is set: the body of the thread."""
        try:
            self.loop.run_until_complete(self._run())
        finally:
            self.started.set()
            self.loop.close()

    async def _run(self) -> None:
        async with async_playwright() as driver:
            self.browser = await driver.chromium.launch(
                executable_path=chromium_path(), args=[*CHROMIUM_ARGUMENTS, _LOOPBACK]
            )
            self.started.set()
            await self.over.wait()
            await self.browser.close()

    async def ask(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the browser's loop, and wait for its result in trio's."""
        token, done = trio.lowlevel.current_trio_token(), trio.Event()

        def tell(_: object) -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(done.set)

        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        future.add_done_callback(tell)
        try:
            await done.wait()
        except trio.Cancelled:
            future.cancel()
            raise
        return future.result()


@contextmanager
def browser_thread() -> Iterator[BrowserThread]:
    """Run a browser while the block runs."""
    running = BrowserThread()
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    running.started.wait()
    try:
        yield running
    finally:
        with suppress(RuntimeError):  # it has not started at all
            running.loop.call_soon_threadsafe(running.over.set)
        thread.join()


class SuitePage:
    """One page, for the bridges of one lane. It is loaded again where the bridge has another address."""

    def __init__(self, browser: BrowserThread) -> None:
        self.browser = browser
        self.hearers: dict[int, Callable[[str, Any], None]] = {}
        """What to do with a client's reports."""
        self._token: trio.lowlevel.TrioToken | None = None
        self._page: Page | None = None
        self._origin = ""

    async def show(self, origin: str) -> None:
        """Have the page at this origin."""
        self._token = trio.lowlevel.current_trio_token()
        if self._origin != origin:
            await self.browser.ask(self._load(origin))
            self._origin = origin

    async def call(self, name: str, *given: Any) -> None:
        """Call one of the functions of `driver.js`."""
        await self.browser.ask(self._call(name, *given))

    async def leave(self) -> None:
        """Go to another page, as somebody who follows a link."""
        self._origin = ""
        await self.browser.ask(self._goto("about:blank"))

    async def _load(self, origin: str) -> None:
        if self._page is None:
            assert self.browser.browser is not None
            self._page = await self.browser.browser.new_page()
            await self._page.expose_binding("suiteHears", self._hear)
            await self._page.route("**/suite/**", _answer)
        await self._goto(f"{origin}/suite/")
        await self._page.evaluate(_LOAD)

    async def _goto(self, url: str) -> None:
        assert self._page is not None
        await self._page.goto(url)

    async def _call(self, name: str, *given: Any) -> None:
        assert self._page is not None
        await self._page.evaluate(_CALL, [name, *given])

    def _hear(self, _: object, report: list[Any]) -> None:
        assert self._token is not None
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._pass_on, *report)

    def _pass_on(self, number: int, kind: str, detail: Any = None) -> None:
        if number in self.hearers:
            self.hearers[number](kind, detail)


async def _answer(route: Route) -> None:
    name = route.request.url.rpartition("/")[2]
    if not name:
        await route.fulfill(body="<!doctype html><title>The conformance suite</title>", content_type="text/html")
        return
    own = Path(__file__).with_name(name)
    body = own.read_text() if own.exists() else (files("bridge.server.page") / "web" / name).read_text()
    await route.fulfill(body=body, content_type="text/javascript")
