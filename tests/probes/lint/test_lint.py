from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from probes.lint.lint import lint
from probes.lint.options import FixLevel, LintOptions
from probes.lint.rules.registry import RULES
from probes.problem_catalogue import PROBLEMS
from probes.runner.usage import UsageError
from reports.model import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[3]
HEADER = "h = {'OpenAI-Beta': 'realtime=v1'}\n"
UNSAFE = LintOptions(fix=FixLevel.ALL)
MODEL = "const model = 'gpt-4o-realtime-preview';\n"


async def findings_in(
    *paths: Path,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    fix: bool = False,
    options: LintOptions | None = None,
) -> list[Finding]:
    found = [one async for one in lint(paths, select=select, ignore=ignore, fix=fix, options=options)]
    findings = [one for one in found if isinstance(one, Finding)]
    assert len(findings) == len(found)
    assert all(one.code in PROBLEMS and one.probe == "lint" for one in findings)
    return findings


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def codes(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings]


async def test_a_finding_names_its_rule_its_place_and_the_fix(tmp_path: Path) -> None:
    write(tmp_path / "a.ts", f"\n  {MODEL}")
    [finding] = await findings_in(tmp_path)
    assert (finding.code, finding.check, finding.severity) == (
        "LINT-RETIRED-MODEL",
        "retired-model",
        Severity.FAIL,
    )
    assert finding.place is not None
    assert finding.place.path == (tmp_path / "a.ts").as_posix()
    assert (finding.place.line, finding.place.column, finding.place.end_line, finding.place.end_column) == (
        2,
        17,
        2,
        42,
    )
    assert finding.place.text == f"  {MODEL.rstrip()}"
    assert [one.value for one in finding.evidence] == ["gpt-4o-realtime-preview", "gpt-realtime-2.1"]
    assert finding.link == "sherpa-probe explain LINT-RETIRED-MODEL"


async def test_findings_come_by_path_and_line(tmp_path: Path) -> None:
    write(tmp_path / "b.py", HEADER)
    write(tmp_path / "a.py", f"x = 1\nmodel = 'gpt-4o-realtime-preview'\n{HEADER}")
    found = [(Path(one.place.path).name, one.place.line) for one in await findings_in(tmp_path) if one.place]
    assert found == [("a.py", 2), ("a.py", 3), ("b.py", 1)]


async def test_clean_code_passes_with_the_number_of_files_and_rules(tmp_path: Path) -> None:
    [finding] = await findings_in(write(tmp_path / "a.py", "x = 1\n"))
    assert (finding.code, finding.severity) == ("LINT-OK", Severity.PASS)
    assert finding.title == f"1 file, {len(RULES)} rules"


async def test_no_key_is_shown(tmp_path: Path) -> None:
    key = "sk-proj-" + "aB3dE5gH7jK9" * 4
    [finding] = await findings_in(write(tmp_path / "a.py", f"client = OpenAI(api_key='{key}')\n"))
    assert finding.code == "LINT-KEY-IN-SOURCE"
    assert key[8:20] not in repr(finding)
    assert finding.place is not None
    assert finding.place.text.startswith("client = OpenAI(api_key='sk-")


async def test_columns_are_counted_in_characters(tmp_path: Path) -> None:
    [finding] = await findings_in(write(tmp_path / "a.py", "ü = '🎤'; " + HEADER))
    assert finding.place is not None
    assert finding.place.column == ("ü = '🎤'; " + HEADER).index("'OpenAI") + 1


@pytest.mark.parametrize(
    ("select", "ignore", "expected"),
    [
        (["beta-header"], [], ["LINT-BETA-HEADER"]),
        ([], ["beta-header"], ["LINT-RETIRED-MODEL"]),
        (["key-in-url"], [], ["LINT-OK"]),
    ],
)
async def test_rules_can_be_chosen(tmp_path: Path, select: list[str], ignore: list[str], expected: list[str]) -> None:
    file = write(tmp_path / "a.py", f"{HEADER}model = 'gpt-4o-realtime-preview'\n")
    assert codes(await findings_in(file, select=select, ignore=ignore)) == expected


@pytest.mark.parametrize(
    ("select", "ignore", "says"),
    [
        (["beta-headr"], [], "did you mean beta-header"),
        ([], ["nonsense-at-all"], "unknown rule nonsense-at-all"),
        (["beta-header"], ["beta-header"], "leave no rule"),
    ],
)
async def test_an_unknown_rule_is_wrong_usage(tmp_path: Path, select: list[str], ignore: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        await findings_in(write(tmp_path / "a.py", HEADER), select=select, ignore=ignore)


async def test_an_unused_suppression_is_reported_and_a_used_one_is_not(tmp_path: Path) -> None:
    ignore = "# sherpa-lint: ignore[beta-header] ours\n"
    write(
        tmp_path / "a.py", f"{ignore}{HEADER}{ignore}x = 1\n# sherpa-lint: ignore[no-such-rule]\n# sherpa-lint: off\n"
    )
    found = await findings_in(tmp_path)
    assert [(one.code, one.place and one.place.line, one.evidence[:1] and one.evidence[0].value) for one in found] == [
        ("LINT-UNUSED-SUPPRESSION", 3, "beta-header"),
        ("LINT-UNUSED-SUPPRESSION", 5, "no-such-rule"),
        ("LINT-UNUSED-SUPPRESSION", 6, "not understood"),
        ("LINT-OK", None, ()),
    ]


async def test_an_unused_suppression_of_a_rule_that_was_not_selected_is_not_reported(tmp_path: Path) -> None:
    file = write(tmp_path / "a.py", f"# sherpa-lint: ignore[beta-header] ours\n{HEADER}")
    assert codes(await findings_in(file, ignore=["beta-header"])) == ["LINT-OK"]


async def test_a_syntax_error_is_a_finding_and_the_rest_of_the_file_is_checked(tmp_path: Path) -> None:
    file = write(tmp_path / "a.py", f"{HEADER}\ndef f(:\n    pass\n")
    found = await findings_in(file, fix=True)
    assert [(one.code, one.severity) for one in found] == [
        ("LINT-BETA-HEADER", Severity.FAIL),
        ("LINT-NOT-PARSED", Severity.FAIL),
    ]
    assert file.read_text().startswith(HEADER)


async def test_files_that_cannot_be_checked_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a.py").symlink_to(tmp_path / "nowhere")
    (tmp_path / "b.py").write_bytes(b"\xff\xfd")
    large = write(tmp_path / "c.py", "x = 1\n" * 400_000)
    found = await findings_in(tmp_path, large)
    assert codes(found) == ["LINT-UNREADABLE", "LINT-NOT-TEXT", "LINT-TOO-LARGE"]
    assert [one.severity for one in found] == [Severity.WARNING, Severity.ERROR, Severity.ERROR]
    [named] = await findings_in(tmp_path / "a.py")
    assert named.severity is Severity.ERROR


async def test_a_large_file_in_a_folder_is_skipped_and_reported(tmp_path: Path) -> None:
    write(tmp_path / "bundle.js", f"let x = '{'y' * 30_000}';\n")
    assert [(one.code, one.severity) for one in await findings_in(tmp_path)] == [
        ("LINT-FILE-SKIPPED", Severity.INFO),
        ("LINT-OK", Severity.PASS),
    ]


async def test_fixing_changes_nothing_else_and_is_atomic(tmp_path: Path) -> None:
    gone, model = "  'OpenAI-Beta': 'realtime=v1',\r\n", "  model: 'gpt-4o-realtime-preview',\r\n"
    before = f"\ufeffconst ws = connect({{\r\n{gone}{model}}});\r\n"
    file = write(tmp_path / "a.ts", before)
    file.chmod(0o640)
    link = tmp_path / "link.ts"
    link.symlink_to(file)
    found = await findings_in(link, options=UNSAFE)
    assert codes(found) == ["LINT-FIXED", "LINT-FIXED", "LINT-OK"]
    assert [(one.check, one.place and one.place.line) for one in found[:2]] == [
        ("beta-header", 2),
        ("retired-model", 3),
    ]
    assert file.read_bytes().decode() == "\ufeffconst ws = connect({\r\n  model: 'gpt-realtime-2.1',\r\n});\r\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert sorted(names_in(tmp_path)) == ["a.ts", "link.ts"]
    assert codes(await findings_in(link, fix=True)) == ["LINT-OK"]


async def test_a_read_only_file_stays_as_it_is_and_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "a.js", MODEL)
    path.chmod(0o444)
    findings = await findings_in(path, options=UNSAFE)
    assert codes(findings) == ["LINT-NOT-WRITTEN", "LINT-RETIRED-MODEL"]
    assert findings[0].evidence[0].value == "it is read-only"
    assert path.read_text() == MODEL
    assert names_in(tmp_path) == ["a.js"]


async def test_what_cannot_be_fixed_is_reported_beside_what_was(tmp_path: Path) -> None:
    file = write(tmp_path / "a.py", f"{HEADER}headers['OpenAI-Beta'] = 'realtime=v1'\n")
    assert codes(await findings_in(file, fix=True)) == ["LINT-FIXED", "LINT-BETA-HEADER"]
    assert file.read_text() == "h = {}\nheaders['OpenAI-Beta'] = 'realtime=v1'\n"


async def test_a_suppressed_match_is_not_fixed(tmp_path: Path) -> None:
    text = f"# sherpa-lint: ignore[beta-header] ours\n{HEADER}"
    file = write(tmp_path / "a.py", text)
    assert codes(await findings_in(file, fix=True)) == ["LINT-OK"]
    assert file.read_text() == text


async def test_overlapping_edits_are_applied_one_after_the_other(tmp_path: Path) -> None:
    file = write(
        tmp_path / "a.ts",
        "const p = ['realtime', 'openai-beta.realtime-v1', 'openai-beta.realtime-v1'];\nnew WebSocket(u, p);\n",
    )
    await findings_in(file, fix=True)
    assert file.read_text().startswith("const p = ['realtime'];")


async def test_without_fix_nothing_is_written(tmp_path: Path) -> None:
    file = write(tmp_path / "a.py", HEADER)
    before = file.stat()
    assert codes(await findings_in(file)) == ["LINT-BETA-HEADER"]
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


async def test_a_run_can_be_stopped_between_two_files(tmp_path: Path) -> None:
    for number in range(20):
        write(tmp_path / f"{number:02}.py", HEADER)
    findings = []
    with trio.CancelScope() as scope:
        async for one in lint([tmp_path]):
            findings.append(one)
            scope.cancel()
    assert scope.cancelled_caught
    assert len(findings) == 1


async def test_our_own_code_makes_none_of_the_mistakes() -> None:
    # The simulation makes mistakes on purpose. Which models retire comes with the catalogue, and with the date.
    ours = [ROOT / "bridge" / name for name in ("core", "protocol", "server", "simulator", "upstream")]
    found = await findings_in(*ours, ROOT / "probes", ignore=["retiring-model"])
    assert [(one.code, one.place) for one in found] == [("LINT-OK", None)]


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("url = f'{endpoint}openai/realtime?api-version={v}&deployment={d}'\n", Severity.WARNING),
        ("url = f'{endpoint}openai/v1/realtime?model={d}'\n", Severity.FAIL),
        ("urls = f'{endpoint}openai/realtime?api-version={v}', 'wss://api.openai.com/v1/realtime'\n", Severity.FAIL),
    ],
)
async def test_a_page_without_an_address_gets_its_events_from_the_service_of_its_project(
    tmp_path: Path, server: str, expected: Severity
) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path / "server.py", server)
    (tmp_path / "web").mkdir()
    page = write(
        tmp_path / "web" / "page.js",
        "if (e.type === 'input_audio_buffer.committed') f();\nif (e.type === 'response.audio.delta') play();\n",
    )
    assert [one.severity for one in await findings_in(page, select=["beta-event"])] == [expected]
