"""Renders every case in every format. The golden files are in `kept/`, one folder per format.

    python -m tests.golden.update [part of a case's name]

rewrites them: check the difference before you commit it.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from reports.render.registry import FORMATS, get_renderer
from reports.render.terminal import page as terminal
from tests.golden.cases import CASES
from tests.golden.normalize import normalize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.runner.command import CommandResult

EXPECTED_FOLDER = Path(__file__).parent / "kept"
#: How a kept file's name ends, where it is not the format's own name.
ENDINGS = {"junit": "xml", "markdown": "md", "github": "txt", "terminal": "txt", "sarif": "sarif.json"}


def renderings(outcome: CommandResult) -> Iterator[tuple[str, str]]:
    """Yield each format's name and its text."""
    report = normalize(outcome.report)
    yield "terminal", terminal.render(report, outcome.exit_code, width=80)
    for name in FORMATS:
        text = get_renderer(name)(report, outcome.exit_code)
        yield name, _body(text) if name == "html" else text


def _body(page: str) -> str:
    """Remove style and script, which are the same on every page."""
    return re.sub(r"<(style|script)\b.*?</\1>", r"<\1></\1>", page, flags=re.DOTALL)


def file_of(case: str, format_name: str) -> Path:
    """Return the path of a golden file."""
    return EXPECTED_FOLDER / format_name / f"{case}.{ENDINGS.get(format_name, format_name)}"


def main() -> None:
    """Rewrite the golden files."""
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    for name, case in CASES.items():
        if part not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            outcome = case.run(Path(folder))
        for format_name, text in renderings(outcome):
            path = file_of(name, format_name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
