"""The fixture `realtime_simulator`, as a program's own tests use it: found without an import, fresh for every test."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import httpx
import pytest

import sherpa_realtime_pytest
from tests.simulator.sdk_client import SDK_DEPRECATION_FILTER, connect_sdk

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.simulator.embedded import RunningSimulator

pytestmark = SDK_DEPRECATION_FILTER

#: What a user's test file may look like. It imports nothing of ours.
SOMEBODYS_TESTS = """
import urllib.request

seen = []


def ask(simulator):
    request = urllib.request.Request(simulator.base_url + "/models")
    request.add_header("authorization", "Bearer " + simulator.api_key.reveal())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status


def test_it_answers(realtime_simulator):
    assert ask(realtime_simulator) == 200
    seen.append(realtime_simulator)


def test_each_test_has_its_own(realtime_simulator):
    assert realtime_simulator is not seen[0]
    assert sum(realtime_simulator.journal.requests.values()) == 0
"""


def test_the_plugin_is_registered_by_its_entry_point() -> None:
    found = [entry for entry in entry_points(group="pytest11") if entry.name == "sherpa_realtime"]

    assert [entry.load() for entry in found] == [sherpa_realtime_pytest]


@pytest.mark.slow
def test_the_fixture_is_there_without_an_import(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(SOMEBODYS_TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)

    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.slow
def test_a_project_with_a_package_called_bridge_keeps_its_tests(tmp_path: Path) -> None:
    (tmp_path / "bridge").mkdir()
    (tmp_path / "bridge" / "__init__.py").write_text("MINE = True\n")
    (tmp_path / "test_mine.py").write_text(
        "import bridge\n\ndef test_mine():\n    assert bridge.MINE\n\ndef test_theirs(realtime_simulator):\n    pass\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)

    assert "1 passed, 1 error" in done.stdout, done.stdout + done.stderr
    assert "this project has a package named 'bridge'" in done.stdout
    assert "sherpa-sim serve --port 0" in done.stdout


def test_a_suite_that_does_not_ask_does_not_load_the_simulator() -> None:
    heavy = ("trio", "bridge.simulator.service.server")
    loaded = f"import sherpa_realtime_pytest, sys; print([name for name in {heavy} if name in sys.modules])"
    command = [sys.executable, "-c", loaded]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "[]"


def test_it_answers_faster_than_it_would_speak(realtime_simulator: RunningSimulator) -> None:
    assert realtime_simulator.simulator.settings.pace == 20.0


def test_keys_ask_for_scenarios_and_arrivals_tell_what_came(realtime_simulator: RunningSimulator) -> None:
    key = realtime_simulator.key_for("no-quota")
    with connect_sdk(realtime_simulator, key=key) as talk:
        refusal = talk.refused()
    record = realtime_simulator.journal.sessions(key)[0]

    assert refusal.code == "insufficient_quota"
    assert (record.scenario, record.close_code, record.closed_by_client) == ("no-quota", 1013, False)


def test_counts_tell_what_a_client_sent(realtime_simulator: RunningSimulator) -> None:
    with connect_sdk(realtime_simulator) as talk:
        talk.connection.session.update(session={"type": "realtime"})
        talk.next()
        talk.next()
    record = realtime_simulator.journal.sessions()[0]

    assert record.counts == {"session.update": 1}
    assert record.sent == {"session.created": 1, "session.updated": 1}
    assert (record.dialect, record.kind) == ("ga", "conversation")


def test_a_scenario_can_be_chosen_for_every_key(realtime_simulator: RunningSimulator) -> None:
    realtime_simulator.simulator.choose("mint-500")
    key = realtime_simulator.api_key.reveal()
    address = f"{realtime_simulator.base_url}/realtime/client_secrets"
    answer = httpx.post(address, headers={"authorization": f"Bearer {key}"}, json={}, timeout=10)

    assert answer.status_code == 500
