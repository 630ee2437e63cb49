"""Installs Autobahn's test suite into .venv27, with a CPython 2.7 that is installed here: the suite needs 2.7.

Run: python -m tests.autobahn.install. It uses the interpreter that AUTOBAHN_PYTHON2 names, python2.7 on the path,
or one of pyenv. It builds no interpreter and changes nothing outside .venv27.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["HOME", "NotInstallable", "find_python2", "install", "wstest"]

#: `report.py` expects the number of cases of this version.
SUITE: Final = "autobahntestsuite==25.10.1"
#: The last releases of virtualenv that support 2.7.
VIRTUALENV: Final = "virtualenv<20.22"
HOME: Final = Path(__file__).resolve().parents[2] / ".venv27"
VARIABLE: Final = "AUTOBAHN_PYTHON2"
_PIP_SECONDS: Final = 300.0


class NotInstallable(Exception):  # noqa: N818 - the name says what is the matter
    """The suite is not installed and cannot be installed. The message says why and what to do."""


def wstest(home: Path, environment: Mapping[str, str]) -> Path:
    """Return the path of the suite's command; install the suite if needed. Raises NotInstallable."""
    command = home / "bin" / "wstest"
    if not command.exists():
        install(find_python2(environment), home)
    return command


def find_python2(environment: Mapping[str, str]) -> Path:
    """Return a CPython 2.7 that runs. Raises NotInstallable with everything that was tried."""
    tried = []
    for candidate in _candidates(environment):
        answer = _answer(
            [candidate, "-c", "import platform as p; print(p.python_implementation(), p.python_version())"]
        )
        if "CPython" in answer and "2.7." in answer:
            return Path(candidate)
        tried.append(f"{candidate} ({answer or 'no answer'})")
    raise NotInstallable(
        f"Autobahn's suite needs CPython 2.7, which was not found. Tried: {', '.join(tried) or 'nothing'}. "
        f"Set {VARIABLE} to one, for example after: pyenv install 2.7.18"
    )


def _candidates(environment: Mapping[str, str]) -> Iterator[str]:
    if named := environment.get(VARIABLE):
        yield named
        return
    if found := shutil.which("python2.7", path=environment.get("PATH", "")):
        yield found
    if pyenv := shutil.which("pyenv", path=environment.get("PATH", "")):
        yield from map(str, sorted(Path(_answer([pyenv, "root"])).glob("versions/2.7*/bin/python2.7")))


def _answer(command: list[str]) -> str:
    """Return the first line that a command prints; empty if it cannot be started."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout.strip() or done.stderr.strip()).split("\n")[0]


def install(python: Path, home: Path) -> None:
    """Create the environment and install the suite (half a minute). Raises NotInstallable with pip's last lines."""
    with tempfile.TemporaryDirectory() as tool:
        _run([str(python), "-m", "pip", "install", "--quiet", VIRTUALENV, "--target", tool], {})
        _run([str(python), "-m", "virtualenv", "--quiet", str(home)], {"PYTHONPATH": tool})
    _run([str(home / "bin" / "pip"), "install", "--quiet", SUITE], {})


def _run(command: list[str], variables: Mapping[str, str]) -> None:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", **variables}
    try:
        subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_PIP_SECONDS, check=True)
    except subprocess.CalledProcessError as error:
        raise NotInstallable(f"{' '.join(command)} failed: {' '.join(error.stderr.split()[-40:])}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstallable(f"{' '.join(command)} failed: {error}") from error


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{wstest(HOME, os.environ)}\n")
    except NotInstallable as problem:
        sys.exit(f"{problem}")
