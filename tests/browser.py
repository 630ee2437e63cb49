"""The Chromium installed on this machine, without its network services. It is neither downloaded nor skipped."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def chromium_path() -> str:
    """Return where the browser is. It fails the test if there is none."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.fail(
            f"No Chromium here (looked for {', '.join(_NAMES)}). On Debian and Ubuntu: apt-get install chromium",
            pytrace=False,
        )
    return path


def launch_chromium(playwright: Playwright, *arguments: str) -> Browser:
    """Start the browser, with more arguments of its own."""
    return playwright.chromium.launch(executable_path=chromium_path(), args=[*CHROMIUM_ARGUMENTS, *arguments])
