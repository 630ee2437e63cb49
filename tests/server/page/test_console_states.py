"""Every state of the console, on a desktop and on a phone, in both themes: nothing keeps anybody out of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.axe import HOW, axe_file
from tests.hardening.harness import bridge_process
from tests.server.page.no_websockets import without_websockets
from tests.server.page.states import SIZES, STATES, THEMES, console_in, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.hardening.harness import BridgeProcess

pytestmark = [pytest.mark.browser, pytest.mark.wall_clock]

CONTRAST = Path(__file__).parents[2] / "pages" / "contrast.js"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BridgeProcess]:
    with bridge_process(tmp_path_factory.mktemp("simulated"), "--simulate") as running:
        yield running


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core."""
    file = axe_file()
    if file is None:
        pytest.skip(HOW)
    return file.read_text(encoding="utf-8")


def violations(page: Page, axe: str) -> list[str]:
    """What axe finds: the rule, and each element at fault with why.

    What it can't decide by itself counts too, but for contrasts: `contrast.js` measures those of every text.
    """
    page.evaluate(f"() => {{ if (!globalThis.axe) {{ {axe} }} }}")
    found: dict[str, Any] = page.evaluate("axe.run(document, { resultTypes: ['violations', 'incomplete'] })")
    assert len(found["passes"]) > 20
    return [
        f"{rule['id']}: {node['target']}: {node['failureSummary']}"
        for rule in (*found["violations"], *(one for one in found["incomplete"] if one["id"] != "color-contrast"))
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("name", STATES)
def test_axe_finds_nothing_and_every_text_can_be_read(
    name: str, talking_chromium: Browser, simulated: BridgeProcess, axe: str
) -> None:
    with without_websockets(simulated.address) as proxy:
        address = proxy.address if name == "fallback" else simulated.address
        with console_in(STATES[name], talking_chromium, f"http://{address}/") as console:
            for size in SIZES:
                for theme in THEMES:
                    show(console, size, theme)
                    assert violations(console.page, axe) == [], (size, theme)
                    faint = console.page.evaluate(CONTRAST.read_text(encoding="utf-8"))
                    assert faint["texts"] > 20
                    assert faint["faint"] == [], (size, theme)
                    assert console.page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]
