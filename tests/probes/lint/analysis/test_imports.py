from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes.lint.analysis import imports, values
from probes.lint.lint import check_file
from probes.lint.options import LintOptions
from probes.lint.sources.discovery import LintTarget

if TYPE_CHECKING:
    from pathlib import Path

    from probes.lint.analysis.code import Code

OPTIONS = LintOptions(select=("flat-session-field", "session-type-missing", "flat-audio-format"))
SEND = "ws.send(JSON.stringify({ type: 'session.update', session: X }));\n"
SEND_PY = "ws.send(json.dumps({'type': 'session.update', 'session': X}))\n"
FLAT, FLAT_PY = "{ type: 'realtime', voice: 'ash' }", "{'type': 'realtime', 'voice': 'ash'}"


def project(folder: Path, files: dict[str, str]) -> None:
    for name, text in {"package.json": "{}", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def found(file: Path) -> list[tuple[str, int, str]]:
    """Return rule, line and the code at the place of each finding."""
    lines = file.read_text().splitlines()
    places = [(one.check, one.place) for one in check_file(LintTarget(file, named=True), OPTIONS) if one.place]
    return [(rule, at.line, lines[at.line - 1][at.column - 1 : at.end_column - 1]) for rule, at in places]


@pytest.mark.parametrize(
    ("user", "constant", "code"),
    [
        ("src/a.ts", "src/config.ts", f"import {{ S }} from './config';\n{SEND.replace('X', 'S')}"),
        ("src/a.ts", "src/config.ts", f"import {{ S }} from './config.js';\n{SEND.replace('X', 'S')}"),
        ("src/a.ts", "src/config.ts", f"import {{ S as base }} from './config';\n{SEND.replace('X', '{ ...base }')}"),
        ("src/a.ts", "src/config.ts", f"import * as config from './config';\n{SEND.replace('X', 'config.S')}"),
        ("src/a.ts", "src/config/index.ts", f"import {{ S }} from '@/config';\n{SEND.replace('X', 'S')}"),
        ("a.js", "lib/config.js", f"const {{ S }} = require('./lib/config');\n{SEND.replace('X', 'S')}"),
        ("app/a.py", "app/config.py", f"from .config import S\n{SEND_PY.replace('X', 'S')}"),
        ("app/a.py", "app/config.py", f"from app.config import S as base\n{SEND_PY.replace('X', '{**base}')}"),
        ("app/a.py", "app/config.py", f"from app import config\nfrom app.config import S\n{SEND_PY.replace('X', 'S')}"),
        ("a.py", "config.py", f"import config\n{SEND_PY.replace('X', 'config.S')}"),
        ("app/b/a.py", "app/__init__.py", f"from .. import S\n{SEND_PY.replace('X', 'S')}"),
    ],
)
def test_an_imported_session_is_judged_where_it_is_used(tmp_path: Path, user: str, constant: str, code: str) -> None:
    defined = f"S = {FLAT_PY}\n" if constant.endswith(".py") else f"export const S = {FLAT};\n"
    project(tmp_path, {user: code, constant: defined})
    [(rule, line, shown)] = found(tmp_path / user)
    assert (rule, line) == ("flat-session-field", code.count("\n"))
    assert shown.endswith(("S", "base"))
    assert found(tmp_path / constant) == []


def test_an_import_leads_to_another_one_and_no_further(tmp_path: Path) -> None:
    code = f"import {{ S }} from './b';\n{SEND.replace('X', 'S')}"
    via = "import {{ S as T }} from './{}';\nexport const S = {{ type: 'realtime', ...T }};\n"
    project(tmp_path, {"a.ts": code, "b.ts": via.format("c"), "c.ts": f"export const S = {FLAT};\n"})
    assert [rule for rule, _, _ in found(tmp_path / "a.ts")] == ["flat-session-field"]
    project(tmp_path, {"c.ts": via.format("d"), "d.ts": f"export const S = {FLAT};\n"})
    assert found(tmp_path / "a.ts") == []


def test_files_that_import_each_other_come_to_an_end(tmp_path: Path) -> None:
    ring = "import { S as T } from './b';\nexport const S = { ...T };\n"
    project(tmp_path, {"a.ts": ring + SEND.replace("X", "S"), "b.ts": ring.replace("./b", "./a")})
    assert found(tmp_path / "a.ts") == []


def test_the_number_of_files_that_are_read_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"c{number}" for number in range(20)]
    code = "".join(f"import {{ S as {name} }} from './{name}';\n" for name in names)
    code += SEND.replace("X", "{ " + ", ".join(f"...{name}" for name in names) + " }")
    project(tmp_path, {"a.ts": code, **{f"{name}.ts": f"export const S = {FLAT};\n" for name in names}})
    read: list[Path] = []

    def reading(file: Path) -> Code | None:
        read.append(file)
        return imports.read_code(file)

    monkeypatch.setattr(values, "read_code", reading)
    assert found(tmp_path / "a.ts")
    assert len(read) == imports.MAX_FILES


@pytest.mark.parametrize("source", ["../outside", "openai", "./missing", "./config.json"])
def test_nothing_outside_of_the_project_is_read(tmp_path: Path, source: str) -> None:
    (tmp_path / "outside.ts").write_text(f"export const S = {FLAT};\n")
    code = f"import {{ S }} from '{source}';\n{SEND.replace('X', 'S')}"
    project(tmp_path / "project", {"a.ts": code, "config.json": "{}"})
    assert found(tmp_path / "project" / "a.ts") == []


def test_what_an_import_adds_is_part_of_the_whole(tmp_path: Path) -> None:
    code = f"import {{ AUDIO }} from './audio';\n{SEND.replace('X', '{ audio: AUDIO }')}"
    project(tmp_path, {"a.ts": code, "audio.ts": "export const AUDIO = { input: { format: 'pcm16' } };\n"})
    assert sorted(found(tmp_path / "a.ts")) == [
        ("flat-audio-format", 2, "AUDIO"),
        ("session-type-missing", 2, "{ audio: AUDIO }"),
    ]
