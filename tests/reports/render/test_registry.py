"""Every format in the table can be loaded and returns text."""

from __future__ import annotations

import pytest

from reports.model import Report
from reports.render.registry import FORMATS, get_renderer


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_renders_a_report(name: str) -> None:
    text = get_renderer(name)(Report(tool="sherpa-probe access", version="1", started="s", seconds=0), 0)
    assert "sherpa-probe" in text
    assert text.endswith("\n")


def test_an_unknown_format_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        get_renderer("papyrus")
