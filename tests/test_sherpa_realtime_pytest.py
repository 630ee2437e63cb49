"""The fixture `realtime_simulator`, as a program's own tests use it: found without an import, new for every test."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

import sherpa_realtime_pytest
from sherpa_realtime import PACKAGES, is_hidden
from tests.simulator.sdk_client import SDK_DEPRECATION_FILTER, connect_sdk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.simulator.embedded import RunningSimulator
    from sherpa_realtime_pytest import RealtimeSimulator

pytestmark = SDK_DEPRECATION_FILTER

ROOT = Path(__file__).parents[1]

#: What a user's test file can look like. It imports nothing of ours.
USER_TESTS = """
import urllib.error
import urllib.request

import pytest

seen = []


def status(simulator, key=None, path="/models", body=None):
    request = urllib.request.Request(simulator.base_url + path, body)
    request.add_header("authorization", "Bearer " + (key or simulator.api_key.reveal()))
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_it_answers(realtime_simulator):
    assert status(realtime_simulator) == 200
    assert realtime_simulator.journal.requests["GET /v1/models"] == 1
    assert realtime_simulator.arrivals.requests == realtime_simulator.journal.requests
    assert not realtime_simulator.journal.requests["GET /v1/realtime websocket"]
    seen.append(realtime_simulator.base_url)


def test_each_test_has_its_own(realtime_simulator):
    assert realtime_simulator.base_url not in seen
    assert sum(realtime_simulator.journal.requests.values()) == 0


def test_a_key_selects_a_scenario(realtime_simulator):
    assert status(realtime_simulator, realtime_simulator.key_for("invalid-key")) == 401
    with pytest.raises(KeyError, match="no scenario 'no-such'; the scenarios are good, "):
        realtime_simulator.key_for("no-such")


def test_scenario_and_faults_can_be_chosen_and_the_choice_undone(realtime_simulator):
    realtime_simulator.choose("invalid-key", key="sk-a")
    realtime_simulator.choose(faults=["http:status=418,on=models"], key="sk-b")
    assert [status(realtime_simulator, key) for key in ("sk-a", "sk-b", "sk-c")] == [401, 418, 200]
    realtime_simulator.clear_choice("sk-a")
    assert status(realtime_simulator, "sk-a") == 200
    realtime_simulator.choose("invalid-key")
    assert status(realtime_simulator, "sk-c") == 401
    with pytest.raises(KeyError, match="no scenario 'no-such'"):
        realtime_simulator.choose("no-such")
    with pytest.raises(ValueError, match="unknown fault 'no-such'"):
        realtime_simulator.choose(faults=["no-such"])
"""
USER_TEST_COUNT = USER_TESTS.count("\ndef test_")


def run_pytest(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a user's project as `python -m pytest` does, which puts the project first on `sys.path`."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *options]
    command += ["--rootdir", str(folder), str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=folder, env=environment
    )


def project_with(folder: Path, *packages: str) -> None:
    """Write a user's project with packages of these names, and a test that imports them."""
    lines = []
    for package in packages:
        (folder / package).mkdir()
        (folder / package / "__init__.py").write_text("OWNER = 'the user'\n")
        lines.append(f"def test_their_{package}():\n    import {package}\n    assert {package}.OWNER == 'the user'\n")
    (folder / "test_their_packages.py").write_text("\n\n".join(lines))


def test_the_plugin_is_registered_by_its_entry_point() -> None:
    found = [entry for entry in entry_points(group="pytest11") if entry.name == "sherpa_realtime"]

    assert [entry.load() for entry in found] == [sherpa_realtime_pytest]


@pytest.mark.slow
def test_the_fixture_is_there_without_an_import(tmp_path: Path) -> None:
    (tmp_path / "test_user.py").write_text(USER_TESTS)
    done = run_pytest(tmp_path)

    assert f"{USER_TEST_COUNT} passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("packages", [PACKAGES[:1], PACKAGES], ids="+".join)
def test_a_project_with_packages_of_our_names_has_its_own_and_the_fixture(
    tmp_path: Path, packages: tuple[str, ...]
) -> None:
    project_with(tmp_path, *packages)
    (tmp_path / "test_user.py").write_text(USER_TESTS)
    done = run_pytest(tmp_path)

    assert f"{USER_TEST_COUNT + len(packages)} passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.slow
def test_a_simulator_process_that_does_not_start_is_an_error_with_its_traceback(tmp_path: Path) -> None:
    project_with(tmp_path, "bridge")
    (tmp_path / "h11.py").write_text("raise RuntimeError('this h11 is broken')\n")
    (tmp_path / "test_user.py").write_text("def test_user(realtime_simulator):\n    pass\n")
    done = run_pytest(tmp_path, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")

    assert "1 passed, 1 error" in done.stdout, done.stdout + done.stderr
    assert "the simulator's process did not start" in done.stdout
    assert "this h11 is broken" in done.stdout


@pytest.fixture
def simulator_process() -> Iterator[RealtimeSimulator]:
    with sherpa_realtime_pytest._simulator_in_process() as simulator:
        yield simulator


def test_a_simulator_process_serves_the_official_sdk_and_keeps_a_journal(simulator_process: RealtimeSimulator) -> None:
    with connect_sdk(simulator_process) as session:
        session.connection.session.update(session={"type": "realtime"})
        session.next()
        session.next()
    key = simulator_process.api_key.reveal()
    (record,) = simulator_process.journal.sessions(key)
    assert simulator_process.arrivals.sessions(key)[0].counts == record.counts

    assert simulator_process.journal.sessions("sk-other") == []
    assert (record.key, record.scenario) == (key, "good")
    assert (record.counts, record.counts["response.create"]) == ({"session.update": 1}, 0)
    assert record.sent == {"session.created": 1, "session.updated": 1}
    assert [event.type for event in record.events] == ["session.update"]
    assert record.audio_ms == 0

    key = simulator_process.key_for("no-quota")
    with connect_sdk(simulator_process, key=key) as session:
        session.refused()
    (record,) = simulator_process.journal.sessions(key)

    assert (record.closed, record.close_code, record.closed_by_client) == (True, 1013, False)


def test_a_simulator_process_has_the_urls_of_a_thread(
    simulator_process: RealtimeSimulator, realtime_simulator: RealtimeSimulator
) -> None:
    def urls(simulator: RealtimeSimulator) -> list[str]:
        found = (simulator.base_url, simulator.azure_url, simulator.websocket_url)
        return [re.sub(r":\d+/", ":PORT/", url) for url in found]

    assert urls(simulator_process) == urls(realtime_simulator)
    assert simulator_process.api_key.reveal() == realtime_simulator.api_key.reveal()
    assert simulator_process.key_for("no-quota") == realtime_simulator.key_for("no-quota")


def test_a_simulator_process_that_crashes_is_reported_at_the_end_of_the_test() -> None:
    def crash() -> None:
        with sherpa_realtime_pytest._simulator_in_process() as simulator:
            os.kill(simulator.process_id, signal.SIGKILL)

    with pytest.raises(RuntimeError, match="the simulator's process failed with exit code -9"):
        crash()


def test_a_simulator_process_ends_when_its_parent_is_killed() -> None:
    parent = (
        "import sherpa_realtime_pytest as plugin, os, sys\n"
        "with plugin._simulator_in_process() as simulator:\n"
        "    print(simulator.process_id, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        end = os.pidfd_open(int(process.stdout.readline()))
        try:
            process.kill()
            assert select.select([end], [], [], 30)[0], "the simulator outlives its parent"
        finally:
            os.close(end)


def test_a_suite_that_does_not_use_the_fixture_does_not_load_the_simulator() -> None:
    heavy = ("trio", "bridge.simulator.service.server", "urllib.request")
    loaded = f"import sherpa_realtime_pytest, sys; print([name for name in {heavy} if name in sys.modules])"
    command = [sys.executable, "-c", loaded]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "[]"


def test_our_packages_are_not_hidden_here() -> None:
    assert [package for package in PACKAGES if is_hidden(package)] == []


def test_it_answers_faster_than_it_would_speak(realtime_simulator: RunningSimulator) -> None:
    assert realtime_simulator.simulator.settings.pace == 20.0


def test_keys_select_scenarios_and_the_journal_lists_the_session(realtime_simulator: RunningSimulator) -> None:
    key = realtime_simulator.key_for("no-quota")
    with connect_sdk(realtime_simulator, key=key) as session:
        refusal = session.refused()
    record = realtime_simulator.journal.sessions(key)[0]

    assert refusal.code == "insufficient_quota"
    assert (record.scenario, record.close_code, record.closed_by_client) == ("no-quota", 1013, False)


def test_counts_are_of_what_a_client_sent(realtime_simulator: RunningSimulator) -> None:
    with connect_sdk(realtime_simulator) as session:
        session.connection.session.update(session={"type": "realtime"})
        session.next()
        session.next()
    record = realtime_simulator.journal.sessions()[0]

    assert record.counts == {"session.update": 1}
    assert record.sent == {"session.created": 1, "session.updated": 1}
    assert (record.dialect, record.kind) == ("ga", "conversation")


def test_a_scenario_can_be_chosen_for_every_key(realtime_simulator: RunningSimulator) -> None:
    realtime_simulator.choose("mint-500")
    key = realtime_simulator.api_key.reveal()
    address = f"{realtime_simulator.base_url}/realtime/client_secrets"
    answer = httpx.post(address, headers={"authorization": f"Bearer {key}"}, json={}, timeout=60)

    assert answer.status_code == 500


#: The fixture that docs/simulator.md gives to projects that keep this toolkit in an environment of its own.
_RECIPE = re.compile(r"```python\n(import re\n.*?sherpa-sim.*?)```", re.DOTALL)


@pytest.mark.slow
def test_the_documented_fixture_needs_nothing_but_the_command(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "simulator.md").read_text()
    recipe = _RECIPE.search(page)
    assert recipe is not None
    project, programs = tmp_path / "project", tmp_path / "bin"
    project.mkdir()
    programs.mkdir()
    project_with(project, *PACKAGES)
    (project / "conftest.py").write_text(recipe[1])
    (project / "test_user.py").write_text(
        "from urllib.request import Request, urlopen\n\n\n"
        "def test_user(simulator_url):\n"
        "    request = Request(f'{simulator_url}/models', headers={'authorization': 'Bearer sk-mine'})\n"
        "    with urlopen(request, timeout=10) as answer:\n"
        "        assert answer.status == 200\n"
    )
    program = programs / "sherpa-sim"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.append({str(ROOT)!r})\n"
        "from sherpa_realtime import sherpa_sim\nsherpa_sim()\n"
    )
    program.chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    assert shutil.which("sherpa-sim", path=path) == str(program)
    done = run_pytest(project, "-p", "no:sherpa_realtime", PYTHONPATH=str(project), PATH=path)

    assert f"{1 + len(PACKAGES)} passed" in done.stdout, done.stdout + done.stderr
