"""A few cases against real processes: the reference bridge, and bridges that are none."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from probes.cli import cli

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

BIND = "import os, socket, time; s = socket.socket(); s.bind(('127.0.0.1', int(os.environ['PORT']))); s.listen()"
DIES = "import sys; print('no config', flush=True); sys.exit(7)"
HTTP_ONLY = "import http.server, os; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(os.environ['PORT']), bind='127.0.0.1')"  # noqa: E501


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    outcome = CliRunner().invoke(cli, ["conformance", *arguments, "--json"], standalone_mode=False)
    return (outcome.return_value if outcome.exception is None else -1), json.loads(outcome.stdout)


def started(program: str) -> list[str]:
    return ["--start", f'{sys.executable} -c "{program}"', "--case", "A-01"]


def test_the_reference_bridge_passes_a_case_of_each_group() -> None:
    code, report = run("--reference", "--case", "A-01", "--case", "B-01", "--case", "C-01", "--jobs", "1")
    assert {one["code"] for one in report["findings"]} == {
        *("CONFORMANCE-A-01-OK", "CONFORMANCE-B-01-OK", "CONFORMANCE-C-01-OK", "CONFORMANCE-ENDS-OK"),
    }
    assert code == 0
    (table,) = report["tables"]
    assert [row["cells"] for row in table["rows"]] == [["pass"]] * 3


def test_a_case_that_is_expected_to_fail_and_passes_fails_the_run(tmp_path: Path) -> None:
    known = tmp_path / "expected.txt"
    known.write_text("A-01\n")
    code, report = run("--reference", "--case", "A-01", "--expected-failures", str(known))
    assert code == 1
    assert report["findings"][0]["code"] == "CONFORMANCE-STALE-EXPECTATION"


def test_a_command_that_ends_is_named_with_its_last_lines() -> None:
    code, report = run(*started(DIES))
    (finding,) = report["findings"]
    assert (code, finding["code"]) == (3, "CONFORMANCE-NOT-STARTED")
    assert finding["evidence"][0]["value"] == "it ended with exit code 7; its last lines: no config"


def test_a_server_without_websockets_is_no_bridge() -> None:
    code, report = run(*started(HTTP_ONLY))
    (finding,) = report["findings"]
    assert (code, finding["code"]) == (1, "CONFORMANCE-NO-WEBSOCKET")


def test_nothing_at_the_url_is_no_failure_of_a_case() -> None:
    code, report = run("--bridge", "ws://127.0.0.1:9", "--listen", "127.0.0.1:19876", "--case", "A-01")
    (finding,) = report["findings"]
    assert (code, finding["code"]) == (3, "CONFORMANCE-NOT-THERE")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--bridge", "ws://127.0.0.1:9"],
        ["--reference", "--start", "x"],
        ["--reference", "--listen", "127.0.0.1:1"],
        ["--start", "'"],
        ["--start", ""],
        ["--bridge", "ftp://x", "--listen", "127.0.0.1:1"],
        ["--bridge", "ws://x", "--listen", "nowhere"],
        ["--bridge", "ws://x", "--listen", "127.0.0.1:1", "--jobs", "2"],
        ["--reference", "--profile", "/nowhere"],
    ],
)
def test_wrong_options_are_told_before_anything_starts(arguments: list[str]) -> None:
    outcome = CliRunner().invoke(cli, ["conformance", *arguments], standalone_mode=False)
    assert type(outcome.exception).__name__ == "UsageError"
