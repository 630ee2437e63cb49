"""The scenarios on a page: what each does, what it is for, and how long and how large it is by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from loadtests.scenarios import SCENARIOS
from reports.terminal import on_page, page_width
from reports.text import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtests.scenarios import Scenario


def listed(width: int, *, colour: bool) -> str:
    """Write the page."""
    wide = page_width(width)
    return on_page([list(_rows(scenario, wide)) for scenario in SCENARIOS.values()], wide, colour=colour)


def _rows(scenario: Scenario, width: int) -> Iterator[Text]:
    size = f"{scenario.users} callers, {scenario.seconds:g} s"
    needs = ", ".join(sorted(scenario.needs))
    yield Text.assemble((scenario.name, "bold"), f"   {size}", f"   needs {needs}" if needs else "")
    for text in (scenario.summary, f"looks at {scenario.measures}"):
        yield from map(Text, wrapped(text, width, "  "))
