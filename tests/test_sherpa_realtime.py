"""The entry points of the commands: they run in any project, whatever its packages are called."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from sherpa_realtime import PACKAGES, is_hidden, python_command, use_own_packages

ROOT = Path(__file__).parents[1]
SCRIPTS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's project that has packages of all our names."""
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise AssertionError('imported the package of the user')\n")
    return tmp_path


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the project, with PYTHONPATH naming the project first."""
    environment = {**os.environ, "PYTHONPATH": f"{project}{os.pathsep}{ROOT}"}
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_command_runs_in_a_project_that_has_packages_of_our_names(name: str, project: Path) -> None:
    module, function = SCRIPTS[name].split(":")
    call = f"import sys; sys.argv[0] = {name!r}; from {module} import {function}; {function}()"
    done = run(project, sys.executable, "-c", call, "--help")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: {name} ")


@pytest.mark.slow
def test_a_probe_runs_there_from_start_to_end(project: Path) -> None:
    done = run(project, *python_command("probes.cli", "access", "--simulate", "no-quota", "--json"))

    assert done.returncode == 1, done.stderr
    assert "insufficient_quota" in done.stdout


@pytest.mark.slow
@pytest.mark.alone
def test_a_load_test_with_all_its_processes_runs_there(project: Path) -> None:
    words = ("run", "conversation", "--simulate", "--users", "1", "--duration", "2s", "--no-default-budgets", "--json")
    done = run(project, *python_command("loadtests.cli", *words))

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_has_an_entry_point_with_its_name() -> None:
    named = {name: f"sherpa_realtime:{name.replace('-', '_')}" for name in SCRIPTS}

    assert named == SCRIPTS
    assert all(callable(getattr(import_module("sherpa_realtime"), name.replace("-", "_"))) for name in SCRIPTS)


def test_every_package_is_one_that_the_wheel_has() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert {*build["only-include"]} == {*PACKAGES, "sherpa_realtime.py", "sherpa_realtime_pytest.py"}


def test_a_package_of_the_user_hides_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("bridge", "reports"):
        monkeypatch.delitem(sys.modules, package, raising=False)
    (tmp_path / "bridge").mkdir()
    (tmp_path / "bridge" / "__init__.py").touch()
    (tmp_path / "reports").mkdir()
    monkeypatch.syspath_prepend(tmp_path)

    assert is_hidden("bridge")
    assert not is_hidden("reports"), "a folder without __init__.py hides nothing"


def test_a_module_of_the_user_hides_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bridge", raising=False)
    (tmp_path / "bridge.py").touch()
    monkeypatch.syspath_prepend(tmp_path)

    assert is_hidden("bridge")


def test_what_stands_in_for_a_package_hides_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bridge", ModuleType("bridge"))

    assert is_hidden("bridge")


def test_a_process_of_ours_takes_our_packages_from_beside_this_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.delitem(sys.modules, "bridge", raising=False)
    (tmp_path / "bridge.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    use_own_packages()

    assert import_module("bridge").__file__ == str(ROOT / "bridge" / "__init__.py")
    assert not is_hidden("bridge")
