"""A few cases against real processes: the reference bridge, and bridges that are none."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from probes.cli import cli

pytestmark = pytest.mark.slow

TINY = Path(__file__).with_name("tiny_bridge.py")
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
    assert finding["evidence"][0]["value"] == "HTTP 404"


def test_nothing_at_the_url_is_no_failure_of_a_case() -> None:
    code, report = run("--bridge", "ws://127.0.0.1:9", "--listen", "127.0.0.1:19876", "--case", "A-01")
    (finding,) = report["findings"]
    assert (code, finding["code"]) == (3, "CONFORMANCE-NOT-THERE")


def tiny(way: str) -> list[str]:
    return ["--start", f"{sys.executable} {TINY} {way}", "--case", "A-01", "--jobs", "1"]


def test_a_bridge_that_ignores_its_upstream_setting_is_told_so() -> None:
    code, report = run(*tiny("ignores"))
    (finding,) = report["findings"]
    assert (code, finding["code"]) == (1, "CONFORMANCE-NO-UPSTREAM")
    assert "no connection from the bridge in 10 s" in finding["evidence"][0]["value"]


def test_a_bridge_that_accepts_connections_and_says_nothing_ends_in_a_verdict() -> None:
    code, report = run(*tiny("hangs"))
    (finding,) = report["findings"]
    assert (code, finding["code"]) == (1, "CONFORMANCE-NO-ANSWER")
    assert "no answer to the upgrade" in finding["evidence"][0]["value"]


def test_a_bridge_that_floods_its_log_and_dies_is_named_with_its_last_lines() -> None:
    code, report = run(*tiny("dies"))
    finding = next(one for one in report["findings"] if one["check"] == "A-01")
    seen = next(item["value"] for item in finding["evidence"] if item["label"] == "seen")
    assert (code, finding["severity"]) == (1, "fail")
    assert seen.startswith("the bridge ended with exit code 9 during this case; its last lines: ")
    assert seen.endswith("fatal: out of patience")
    assert next(one for one in report["findings"] if one["check"] == "ends")["severity"] == "skipped"


def test_a_proxy_that_asks_the_upstream_with_the_clients_key_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_OF_A_CLIENT", "sk-of-a-user-0123456789abcdef")
    words = ["--start", f"{sys.executable} {TINY} forwards", "--profile", "native", "--case", "M-24", "--jobs", "1"]
    code, report = run(*words, "--client-token-env", "TOKEN_OF_A_CLIENT")
    finding = next(one for one in report["findings"] if one["check"] == "M-24")
    assert (code, finding["severity"]) == (1, "fail")
    assert "the client's key" in [item["value"] for item in finding["evidence"]]
    assert "--client-token-env TOKEN_OF_A_CLIENT" in finding["fix"], "the command repeats the case"


def test_a_proxy_that_forbids_unknown_paths_has_no_client_endpoint() -> None:
    code, report = run(*tiny("forwards"), "--case", "I-20")
    assert code == 0
    for case in ("A-01", "I-20"):
        finding = next(one for one in report["findings"] if one["check"] == case)
        assert finding["severity"] == "info"
        assert "no client endpoint: HTTP 403, as for every unknown path" in finding["title"]


def test_an_upstream_port_that_is_taken_is_no_fault_of_the_bridge() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, report = run("--bridge", "ws://127.0.0.1:9", "--listen", f"127.0.0.1:{port}", "--case", "A-01")
    (finding,) = report["findings"]
    assert (code, finding["code"]) == (3, "CONFORMANCE-CANT-LISTEN")


def recording(folder: Path, via: str = "service") -> str:
    """Write a recorded session: a configuration, and an answer whose event no bridge knows."""
    header = {"capture": "sherpa-probe record", "schema_version": 1, "tool": "test", "started": "2026-11-29T00:00:00Z"}
    header |= {"kind": "conversation", "dialect": "ga", "via": via, "timeout": 10, "redaction": "content and secrets"}
    session = {"id": "sess_1", "type": "realtime", "model": "gpt-realtime-2.1", "audio": {"input": {}, "output": {}}}
    events = [
        ("server", {"type": "session.created", "event_id": "event_1", "session": session}),
        ("client", {"type": "session.update", "session": {"type": "realtime", "instructions": "xxx"}}),
        ("server", {"type": "session.updated", "event_id": "event_2", "session": session}),
        ("client", {"type": "response.create"}),
        ("server", {"type": "response.created", "event_id": "event_3", "response": {"id": "resp_1"}}),
        ("server", {"type": "response.only_yours", "event_id": "event_4", "value": [1]}),
        (
            "server",
            {"type": "response.done", "event_id": "event_5", "response": {"id": "resp_1", "status": "completed"}},
        ),
    ]
    lines = [{"at": number / 100, "who": who, "event": event} for number, (who, event) in enumerate(events)]
    path = folder / "session.ndjson"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in (header, *lines, {"end": "finished", "at": 1.0})))
    return str(path)


def test_a_recorded_session_is_played_through_the_bridge(tmp_path: Path) -> None:
    code, report = run(*tiny("forwards")[:2], "--profile", "native", "--recording", recording(tmp_path), "--case", "R")
    assert [one["code"] for one in report["findings"]] == ["CONFORMANCE-R-01-OK", "CONFORMANCE-ENDS-OK"]
    assert code == 0


def test_a_bridge_that_loses_an_event_of_a_recorded_session_is_told_which(tmp_path: Path) -> None:
    words = ["--start", f"{sys.executable} {TINY} loses", "--profile", "native", "--case", "R-01"]
    code, report = run(*words, "--recording", recording(tmp_path))
    finding = next(one for one in report["findings"] if one["check"] == "R-01")
    assert (code, finding["severity"]) == (1, "fail")
    assert "--recording" in finding["fix"]
    seen = next(item["value"] for item in finding["evidence"] if item["label"] == "seen")
    assert seen == "after 2 of them the upstream still waits for what the client has sent: it has session.update"


def test_a_recording_of_another_place_is_refused(tmp_path: Path) -> None:
    words = ["conformance", "--reference", "--recording", recording(tmp_path, via="client")]
    outcome = CliRunner().invoke(cli, words, standalone_mode=False)
    assert "it was recorded at a bridge's client endpoint" in str(outcome.exception)


def test_the_cases_are_listed_as_text_and_as_json() -> None:
    text = CliRunner().invoke(cli, ["conformance", "--list", "--case", "B"], standalone_mode=False).stdout
    assert "B  Early audio and readiness" in text
    assert "A-01" not in text
    document = json.loads(CliRunner().invoke(cli, ["conformance", "--list", "--json"], standalone_mode=False).stdout)
    assert len(document) > 200
    assert set(document[0]) == {"id", "title", "section", "does", "expects", "matters", "since"}


def test_a_badge_is_written(tmp_path: Path) -> None:
    code, _ = run("--reference", "--case", "A-01", "--badge", str(tmp_path / "badge.svg"))
    assert code == 0
    assert "1 of 1 cases" in (tmp_path / "badge.svg").read_text()


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
