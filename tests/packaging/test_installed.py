"""The commands of the wheel in an empty environment and an empty folder, and through uv and pipx."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from reports.cli_common import COMMANDS
from tests.packaging.conftest import need, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.packaging.conftest import Distributions, Installed


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_and_subcommand(installed: Installed, command: str) -> None:
    for words in ((), *((name,) for name in COMMANDS[command])):
        done = installed.run(command, *words, "--help")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"Usage: {' '.join((command, *words))}")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_version_is_that_of_the_wheel(installed: Installed, distributions: Distributions, command: str) -> None:
    version = distributions.wheel.name.split("-")[1]
    assert installed.run(command, "--version").stdout == f"{command} {version}\n"


@pytest.mark.parametrize(
    "line",
    [
        "sherpa-probe access --simulate",
        "sherpa-probe smoke --simulate",
        "sherpa-probe bridge --simulate",
        "sherpa-probe conformance --reference --case A.*",
        "sherpa-probe explain 4000",
        "sherpa-bridge check-config --simulate",
        "sherpa-sim list",
        "sherpa-load list",
    ],
)
def test_what_needs_no_key_works_at_once(installed: Installed, line: str) -> None:
    done = installed.run(*line.split())
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_load_test_says_how_to_install_its_extra(installed: Installed) -> None:
    done = installed.run("sherpa-load", "run", "reconnect-storm", "--simulate")
    assert done.returncode == 2
    assert "sherpa-realtime[load]" in done.stdout + done.stderr


def test_uv_runs_it_without_an_installation(distributions: Distributions, tmp_path: Path) -> None:
    words = ["--from", str(distributions.wheel), "sherpa-probe", "access", "--simulate"]
    done = run(need("uv"), "tool", "run", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed" not in done.stdout
    assert "passed" in done.stdout


def test_pipx_runs_it_without_an_installation(distributions: Distributions, tmp_path: Path) -> None:
    words = ["run", "--spec", str(distributions.wheel), "sherpa-probe", "access", "--simulate"]
    environment = {**os.environ, "PIPX_HOME": str(tmp_path / "pipx")}
    done = run(need("pipx"), *words, cwd=tmp_path, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
