"""Finding an interpreter for Autobahn's suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.autobahn.install import NotInstallable, find_python2, install, wstest

if TYPE_CHECKING:
    from pathlib import Path


def _script(path: Path, line: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path


def test_the_interpreter_that_is_named_is_taken_before_the_one_on_the_path(tmp_path: Path) -> None:
    named = _script(tmp_path / "named", "echo CPython 2.7.18")
    _script(tmp_path / "bin" / "python2.7", "echo CPython 2.7.9")
    environment = {"PATH": str(tmp_path / "bin"), "AUTOBAHN_PYTHON2": str(named)}
    assert find_python2(environment) == named


def test_one_of_pyenv_is_found_behind_a_shim_that_only_complains(tmp_path: Path) -> None:
    _script(tmp_path / "bin" / "python2.7", "echo 'pyenv: python2.7: command not found' >&2; exit 127")
    _script(tmp_path / "bin" / "pyenv", f"echo {tmp_path}/pyenv")
    real = _script(tmp_path / "pyenv" / "versions" / "2.7.18" / "bin" / "python2.7", "echo CPython 2.7.18")
    assert find_python2({"PATH": str(tmp_path / "bin")}) == real


@pytest.mark.parametrize("answer", ["CPython 3.11.7", "PyPy 2.7.18"])
def test_another_python_is_refused_with_what_it_is(tmp_path: Path, answer: str) -> None:
    other = _script(tmp_path / "other", f"echo {answer}")
    with pytest.raises(NotInstallable, match=answer):
        find_python2({"PATH": "", "AUTOBAHN_PYTHON2": str(other)})


def test_no_interpreter_at_all_says_what_to_do() -> None:
    with pytest.raises(NotInstallable, match=r"nothing.*AUTOBAHN_PYTHON2"):
        find_python2({"PATH": ""})


def test_an_install_that_fails_says_which_command_and_why(tmp_path: Path) -> None:
    broken = _script(tmp_path / "python", "echo 'no network today' >&2; exit 1")
    with pytest.raises(NotInstallable, match=r"pip install.*no network today"):
        install(broken, tmp_path / "home")


def test_a_suite_that_is_here_is_not_installed_again(tmp_path: Path) -> None:
    here = _script(tmp_path / "bin" / "wstest", "true")
    assert wstest(tmp_path, {"PATH": ""}) == here
