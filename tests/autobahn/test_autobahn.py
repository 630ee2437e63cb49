"""Autobahn's whole suite, as `make autobahn` runs it. If it cannot be installed, this fails: nothing was tested."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.autobahn.install import HOME, wstest
from tests.autobahn.run import NOT_RUN, PARTS, main, run_part

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.nightly
@pytest.mark.parametrize("part", PARTS)
def test_autobahn_finds_nothing_wrong(part: str, tmp_path: Path) -> None:
    _, wrong = run_part(part, wstest(HOME, os.environ), tmp_path)
    assert wrong == []


def test_a_suite_that_cannot_be_installed_is_told_apart_from_one_that_passed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(tmp_path, {"PATH": "", "AUTOBAHN_PYTHON2": "no-such-python"}) == NOT_RUN
    output = capsys.readouterr()
    assert "nothing was tested" in output.err
    assert "no-such-python" in output.err
    assert output.out == ""
