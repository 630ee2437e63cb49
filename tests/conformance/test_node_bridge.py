"""The independent bridge in Node that the conformance suite is tried on: its list of defects, and that it starts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

NODE = shutil.which("node")
FOLDER = Path(__file__).parent / "node"
GROUPS = set("ABCDEFGHIJKLM")

pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node")


def run(*arguments: str, defect: str = "") -> subprocess.CompletedProcess[str]:
    """Run the bridge to its end."""
    environment = {**os.environ, "DEFECT": defect, "PORT": "0"}
    command = [str(NODE), str(FOLDER / "bridge.mjs"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module", name="defects")
def listed_defects() -> list[dict[str, Any]]:
    """The defects as the bridge lists them."""
    listed: list[dict[str, Any]] = json.loads(run("--list-defects").stdout)
    return listed


@pytest.mark.slow
def test_every_defect_has_a_name_of_its_own_and_says_what_is_wrong(defects: list[dict[str, Any]]) -> None:
    assert [name for name, count in Counter(defect["name"] for defect in defects).items() if count > 1] == []
    assert [defect for defect in defects if not (defect["wrong"] and defect["section"])] == []
    assert {defect["group"] for defect in defects} == GROUPS


@pytest.mark.slow
def test_every_listed_defect_stands_in_the_code_and_no_other(defects: list[dict[str, Any]]) -> None:
    source = "".join(path.read_text() for path in FOLDER.glob("*.mjs"))
    assert set(re.findall(r"has\('([a-z0-9-]+)'\)", source)) == {defect["name"] for defect in defects}


@pytest.mark.slow
def test_a_defect_that_is_not_listed_is_refused() -> None:
    ended = run(defect="no-such-defect")
    assert (ended.returncode, ended.stderr) == (2, "Unknown defect 'no-such-defect'. --list-defects prints them.\n")
