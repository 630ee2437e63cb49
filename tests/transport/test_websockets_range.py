"""The codec subclasses the sans-I/O core of `websockets` and uses its internals: only tested versions are allowed.

`make test` covers the newest version that is installed, the nightly test here the oldest one that is allowed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from websockets.protocol import Protocol, Side, State

ROOT = Path(__file__).parents[2]
#: The tests that exercise the codec and the handshake.
TESTS = ("tests/transport", "tests/upstream/dial/test_handshake.py", "tests/upstream/dial/test_dial.py")


def allowed() -> tuple[int, int]:
    """The oldest major version that pyproject.toml allows, and the first one that it does not."""
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    [range_] = [
        re.fullmatch(r"websockets>=(\d+),<(\d+)", dependency)
        for dependency in dependencies
        if "websockets" in dependency
    ]
    assert range_ is not None, "the range of websockets must have two ends"
    return int(range_[1]), int(range_[2])


def test_the_installed_version_is_in_the_range() -> None:
    oldest, beyond = allowed()
    assert oldest <= int(version("websockets").split(".")[0]) < beyond


def test_the_core_has_the_internals_that_the_codec_uses() -> None:
    core = Protocol(Side.CLIENT, state=State.OPEN, max_size=10)
    for name in ("parser", "parser_exc", "current_size", "reader", "writes", "close_sent", "close_rcvd"):
        assert hasattr(core, name), name
    assert core.close_rcvd_then_sent is None
    assert {"at_eof", "discard"} <= set(dir(core.reader))


@pytest.mark.nightly
def test_the_oldest_version_of_the_range_passes_the_codecs_tests(tmp_path: Path) -> None:
    oldest, _ = allowed()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(tmp_path), f"websockets=={oldest}.0"]
    subprocess.run(pip, check=True, timeout=120)
    paths = os.pathsep.join((str(tmp_path), str(ROOT)))
    pytest_run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not nightly", *TESTS]
    done = subprocess.run(
        pytest_run,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
