from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes.lint.analysis import addresses
from probes.lint.analysis.addresses import only_azure_preview_around

if TYPE_CHECKING:
    from pathlib import Path

PREVIEW = "url = f'wss://{host}/openai/realtime?api-version={version}'\n"


def project(folder: Path, files: dict[str, str]) -> Path:
    for name, text in ({".git/HEAD": ""} | files).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder / "web" / "page.js"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"server.py": PREVIEW}, True),
        ({"a.py": PREVIEW, "b.ts": "connect('wss://api.openai.com/v1/realtime')"}, False),
        ({"node_modules/sdk/index.js": PREVIEW}, False),
        ({"notes.txt": PREVIEW}, False),
        ({"server.py": "print()\n"}, False),
    ],
)
def test_the_code_of_the_whole_repository_tells_whose_service_it_uses(
    tmp_path: Path, files: dict[str, str], expected: bool
) -> None:
    assert only_azure_preview_around(project(tmp_path, files)) is expected


def test_nothing_is_concluded_without_a_repository_or_from_a_very_large_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "server.py").write_text(PREVIEW)
    assert not only_azure_preview_around(alone / "page.js")
    monkeypatch.setattr(addresses, "_MAX_FILES", 1)
    assert not only_azure_preview_around(project(tmp_path / "large", {"a.py": PREVIEW, "b.py": "", "c.py": ""}))
