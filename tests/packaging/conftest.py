"""The distributions as `make package` builds them, and an environment that has only the wheel.

They are not part of `make test`: they build, and install from the package index.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
_SECONDS = 900
_SLOW = {"test_distributions.py", "test_installed.py"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what builds and installs out of `make test`."""
    slow = {str(Path(__file__).with_name(name)) for name in _SLOW}
    for item in items:
        if str(item.path) in slow:
            for marker in ("packaging", "nightly", "wall_clock"):
                item.add_marker(marker)


@pytest.fixture
def process_state_is_restored() -> None:
    """Let what was built live on: it serves many tests."""


def need(name: str) -> str:
    """Return the path of a tool; skip the test, and say how to install it, if it isn't there."""
    path = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if path is None:
        pytest.skip(f"{name} is not installed: pip install '.[release]', uv and pipx")
    return path


def run(*words: str | Path, cwd: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Distributions:
    """What was built."""

    wheel: Path
    sdist: Path


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """Build the sdist from the checkout, and the wheel from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    done = run(need("pyproject-build"), "--outdir", folder, ROOT, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Distributions(wheel, sdist)


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment with the wheel and what it requires, and an empty folder to work in."""

    scripts: Path
    folder: Path

    def run(self, command: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one of our commands, without settings of whoever runs the tests."""
        environment = {"PATH": f"{self.scripts}:/usr/bin:/bin", "HOME": str(self.folder)}
        return run(self.scripts / command, *words, cwd=self.folder, environment=environment)


@pytest.fixture(scope="session")
def installed(distributions: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """Install the wheel, without any extra, in an environment of its own."""
    home = tmp_path_factory.mktemp("installed")
    environment = home / "environment"
    assert run(sys.executable, "-m", "venv", environment, cwd=home).returncode == 0
    pip = [str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    done = run(*pip, distributions.wheel, cwd=home)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = home / "empty"
    folder.mkdir()
    yield Installed(environment / "bin", folder)
    assert list(folder.iterdir()) == [], "a command left something in the folder where it was typed"
