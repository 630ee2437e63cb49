"""One version everywhere: a release is a matter of its number in pyproject.toml and a section of CHANGELOG.md."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
#: Files that tell users which version to take, and how they spell it.
PINNED = {
    "docs/ci.md": r"(?:rev: v|sherpa-realtime/sherpa-realtime@v|sherpa-realtime==)(\d[\w.]*)",
    "docs/ci/deploy-gate.yml": r"sherpa-realtime/sherpa-realtime@v(\d[\w.]*)",
    ".github/workflows/ci.yml": r"sherpa-realtime:(\d[\w.]*)",
    "docs/ci/gitlab-component.yml": r'default: "(\d[\w.]*)"',
    "docs/ci/gitlab-ci.yml": r"sherpa-realtime==(\d[\w.]*)",
    "action.yml": r"sherpa-realtime/sherpa-realtime@v(\d[\w.]*)",
}


def test_the_changelog_has_the_version_with_its_date_and_its_links() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    released = re.findall(r"^## \[(\d[^\]]*)\] - (\d{4}-\d\d-\d\d)$", text, re.MULTILINE)
    assert released[0][0] == VERSION
    assert [date for _, date in released] == sorted((date for _, date in released), reverse=True)
    for version, _ in released:
        assert f"\n[{version}]: https://" in text


@pytest.mark.parametrize("file", PINNED)
def test_the_pins_that_users_copy_are_of_this_version(file: str) -> None:
    assert set(re.findall(PINNED[file], (ROOT / file).read_text())) == {VERSION}
