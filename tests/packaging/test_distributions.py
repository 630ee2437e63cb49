"""What is in the wheel and in the sdist."""

from __future__ import annotations

import subprocess
import tarfile
import zipfile
from typing import TYPE_CHECKING

from tests.packaging.conftest import ROOT, need, run

if TYPE_CHECKING:
    from tests.packaging.conftest import Distributions

PACKAGES = ("bridge", "loadtests", "probes", "reports")
#: Tracked files of the packages that only developers need.
DEVELOPMENT = {".gitignore"}


def tracked(*paths: str) -> set[str]:
    done = subprocess.run(
        [need("git"), "ls-files", "-z", "--", *paths], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name for name in done.stdout.split("\0") if name}


def names_in_wheel(distributions: Distributions) -> set[str]:
    with zipfile.ZipFile(distributions.wheel) as archive:
        return set(archive.namelist())


def test_twine_finds_nothing(distributions: Distributions) -> None:
    done = run(need("twine"), "check", "--strict", distributions.wheel, distributions.sdist, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_check_wheel_contents_finds_nothing(distributions: Distributions) -> None:
    done = run(need("check-wheel-contents"), distributions.wheel, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(distributions: Distributions) -> None:
    expected = {name for name in tracked(*PACKAGES) if name.rpartition("/")[2] not in DEVELOPMENT}
    expected |= {"sherpa_realtime.py", "sherpa_realtime_pytest.py"}
    found = {name for name in names_in_wheel(distributions) if ".dist-info/" not in name}
    assert found == expected


def test_the_wheel_carries_its_licence(distributions: Distributions) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names_in_wheel(distributions))


def test_the_sdist_holds_what_is_needed_to_build_and_test_and_nothing_untracked(distributions: Distributions) -> None:
    with tarfile.open(distributions.sdist) as archive:
        found = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    everything = tracked()
    assert found - {"PKG-INFO"} <= everything
    wanted = ("bridge", "deploy", "docs", "loadtests", "probes", "reports", "tests", "pyproject.toml", "Makefile")
    assert tracked(*wanted) <= found
