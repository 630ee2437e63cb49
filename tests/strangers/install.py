"""Installs what the tests of strangers need, as far as it can, below `.venv-strangers`: LiteLLM's proxy, Portkey's
gateway, aimock, fakeai, Schemathesis and kubernetes-validate.

Run: python -m tests.strangers.install. nginx, HAProxy and Helm come with the system. It says what is missing,
and how to get it; the tests that need it are skipped with the same words. Exit code 3 if nothing at all is there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

HOME: Final = Path(__file__).parents[2] / ".venv-strangers"
LITELLM: Final = "litellm[proxy]==1.108.7"
KUBERNETES_VALIDATE: Final = "kubernetes-validate==1.37.0"
SCHEMATHESIS: Final = "schemathesis==4.32.5"
AIMOCK: Final = "@copilotkit/aimock@1.43.0"
PORTKEY: Final = "@portkey-ai/gateway@1.15.2"
FAKEAI: Final = ("fakeai==0.3.2", "pillow")
_INSTALL_SECONDS: Final = 900
_NOTHING: Final = 3


@dataclass(frozen=True, slots=True)
class Stranger:
    """A program that nobody here wrote."""

    name: str
    path: Callable[[], str | None]
    """Its command, or the folder of its package; None if it isn't installed."""
    how: str
    """How to install it."""
    install: Callable[[], None] | None = None


def _system(name: str) -> Callable[[], str | None]:
    return lambda: shutil.which(name, path=f"{_path()}:/usr/sbin:/usr/local/sbin")


def _path() -> str:
    from os import environ  # noqa: PLC0415 - nothing else here reads it

    return environ.get("PATH", "")


def _existing(path: Path) -> str | None:
    return str(path) if path.exists() else None


def _install_from_pypi(name: str, *requirements: str) -> None:
    folder = HOME / name
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, *requirements], check=True, timeout=_INSTALL_SECONDS)


def _install_from_npm(name: str, package: str) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise OSError("npm is not installed")
    folder = HOME / name
    folder.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent", package]
    subprocess.run(command, check=True, timeout=_INSTALL_SECONDS)


STRANGERS: Final = {
    stranger.name: stranger
    for stranger in (
        Stranger("nginx", _system("nginx"), "apt-get install nginx-light"),
        Stranger("haproxy", _system("haproxy"), "apt-get install haproxy"),
        Stranger("helm", _system("helm"), "https://helm.sh/docs/intro/install"),
        Stranger(
            "kubernetes-validate",
            lambda: _existing(HOME / "kubernetes-validate" / "bin" / "kubernetes-validate"),
            "python -m tests.strangers.install",
            partial(_install_from_pypi, "kubernetes-validate", KUBERNETES_VALIDATE),
        ),
        Stranger(
            "litellm",
            lambda: _existing(HOME / "litellm" / "bin" / "litellm"),
            "python -m tests.strangers.install",
            partial(_install_from_pypi, "litellm", LITELLM),
        ),
        Stranger(
            "schemathesis",
            lambda: _existing(HOME / "schemathesis" / "bin" / "schemathesis"),
            "python -m tests.strangers.install",
            partial(_install_from_pypi, "schemathesis", SCHEMATHESIS),
        ),
        Stranger(
            "aimock",
            lambda: _existing(HOME / "aimock" / "node_modules" / "@copilotkit" / "aimock" / "dist" / "index.js"),
            "python -m tests.strangers.install",
            partial(_install_from_npm, "aimock", AIMOCK),
        ),
        Stranger(
            "portkey",
            lambda: _existing(HOME / "portkey/node_modules/@portkey-ai/gateway/build/start-server.js"),
            "python -m tests.strangers.install",
            partial(_install_from_npm, "portkey", PORTKEY),
        ),
        Stranger(
            "fakeai",
            lambda: _existing(HOME / "fakeai" / "bin" / "fakeai"),
            "python -m tests.strangers.install",
            partial(_install_from_pypi, "fakeai", *FAKEAI),
        ),
    )
}


def main() -> int:
    """Install what is missing and return the exit code."""
    for stranger in STRANGERS.values():
        reason = ""
        if stranger.path() is None and stranger.install is not None:
            try:
                stranger.install()
            except (OSError, subprocess.SubprocessError) as error:
                reason = f" ({error})"
        if stranger.path() is None:
            sys.stderr.write(f"{stranger.name} is not installed: {stranger.how}{reason}\n")
    return 0 if any(stranger.path() for stranger in STRANGERS.values()) else _NOTHING


if __name__ == "__main__":
    sys.exit(main())
