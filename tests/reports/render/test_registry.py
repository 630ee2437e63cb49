"""Every format in the table can be loaded and returns text."""

from __future__ import annotations

import pytest

from reports.model import Report
from reports.render.registry import FORMATS, get_renderer

EMPTY = Report(tool="sherpa-probe access", version="1", started="s", seconds=0)
#: Formats that list findings and don't name their tool.
LISTS = {"concise": "passed: no checks\n", "gitlab": "[]\n"}


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - LISTS))
def test_each_format_renders_a_report(name: str) -> None:
    text = get_renderer(name)(EMPTY, 0)
    assert "sherpa-probe" in text
    assert text.endswith("\n")


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_nothing_is_empty(name: str) -> None:
    assert get_renderer(name)(EMPTY, 0) == LISTS[name]


def test_an_unknown_format_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        get_renderer("papyrus")
