"""Progress is shown on a terminal only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.runner.output import progress

if TYPE_CHECKING:
    import pytest


def test_there_is_no_progress_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress({}) as doing:
        doing("key")
    assert capsys.readouterr() == ("", "")
