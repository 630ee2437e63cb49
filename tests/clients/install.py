"""Makes the environments of the clients below `.venv-clients`: one for each library in Python, one for all of Node.js.

Run: python -m tests.clients.install [--newest] [--pin]. Each environment has what the library's own file in
`requirements` pins. With `--newest`, it has the newest published version instead, in an environment beside the pinned
one. `--pin` writes the newest versions into `requirements` and docs/clients.md; it needs uv.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tests.clients.catalog import CLIENTS, PACKAGE_JSON

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.clients.catalog import Client

ROOT: Final = Path(__file__).parents[2]
HOME: Final = ROOT / ".venv-clients"
PAGE: Final = ROOT / "docs" / "clients.md"
_INSTALL_SECONDS: Final = 900
#: What the test suite's Node.js needs at least: it has WebSocket and fetch, and every library here supports it.
NODE_MAJOR: Final = 20


class NotInstallable(Exception):  # noqa: N818 - the name says what is the matter
    """A client cannot be installed here. The message says why."""


@dataclass(frozen=True, slots=True)
class Environments:
    """Where the environments are, and whether they hold pinned or newest versions."""

    home: Path = HOME
    newest: bool = False

    def folder(self, client: Client) -> Path:
        """Return the environment of a client."""
        name = "node" if client.is_node else client.name
        return self.home / (f"newest-{name}" if self.newest else name)

    def command(self, client: Client) -> list[str]:
        """Return the command that runs a client's driver. Raises NotInstallable if there is no Node.js."""
        if client.is_node:
            return [str(find_node()), str(self.folder(client) / client.driver.name)]
        return [str(self.folder(client) / "bin" / "python"), "-m", f"tests.clients.drivers.{client.name}"]

    def installed_version(self, client: Client) -> str:
        """Return the version that is installed."""
        if client.is_node:
            file = self.folder(client) / "node_modules" / client.package / "package.json"
            return str(msgspec.json.decode(file.read_bytes())["version"])
        plain = client.package.partition("[")[0]
        code = f"from importlib.metadata import version; print(version({plain!r}))"
        return _run([str(self.folder(client) / "bin" / "python"), "-c", code]).strip()

    def install(self, client: Client) -> None:
        """Make the environment of a client, unless it is there. Raises NotInstallable."""
        folder = self.folder(client)
        wanted = _fingerprint(client, newest=self.newest)
        stamp = folder / ".installed"
        if not (stamp.exists() and stamp.read_text() == wanted):
            shutil.rmtree(folder, ignore_errors=True)
            if client.is_node:
                self._install_node(folder)
            else:
                self._install_python(client, folder)
            stamp.write_text(wanted)
        if client.is_node:
            for file in client.driver.parent.glob("*.mjs"):
                shutil.copy(file, folder)  # ECMAScript modules find their packages beside themselves only

    def _install_python(self, client: Client, folder: Path) -> None:
        what = [client.package, *client.also] if self.newest else ["--requirement", str(client.requirements)]
        if uv := find_uv():
            _run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
            _run([uv, "pip", "install", "--quiet", "--python", str(folder), *what])
        else:
            _run([sys.executable, "-m", "venv", str(folder)])
            pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
            _run([*pip, *what])

    def _install_node(self, folder: Path) -> None:
        find_node()
        npm = shutil.which("npm")
        if npm is None:
            raise NotInstallable("npm is not installed")
        folder.mkdir(parents=True)
        manifest = msgspec.json.decode(PACKAGE_JSON.read_bytes())
        if self.newest:
            manifest["dependencies"] = dict.fromkeys(manifest["dependencies"], "latest")
        (folder / "package.json").write_bytes(msgspec.json.encode(manifest))
        _run([npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"], folder)


def find_uv() -> str | None:
    """Return uv: that of the environment that runs, or the one on the path."""
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.exists() else shutil.which("uv")


def find_node() -> Path:
    """Return Node.js. Raises NotInstallable if it is missing or too old."""
    node = shutil.which("node")
    if node is None:
        raise NotInstallable("Node.js is not installed")
    version = _run([node, "--version"]).strip()
    if int(version.removeprefix("v").partition(".")[0]) < NODE_MAJOR:
        raise NotInstallable(f"Node.js {NODE_MAJOR} or newer is needed, and {node} is {version}")
    return Path(node)


def _fingerprint(client: Client, *, newest: bool) -> str:
    what = " ".join((client.package, *client.also)).encode() if newest else client.requirements.read_bytes()
    return hashlib.sha256(what + sys.version.encode()).hexdigest()


def _run(command: list[str], folder: Path | None = None, text: str = "") -> str:
    """Run a command with this text as its input; return its output. Raises NotInstallable with its last words."""
    try:
        done = subprocess.run(
            command, cwd=folder, input=text, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=True
        )
    except subprocess.CalledProcessError as error:
        said = " ".join((error.stderr or error.stdout).split()[-40:])
        raise NotInstallable(f"{' '.join(command)} failed: {said}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstallable(f"{' '.join(command)} failed: {error}") from error
    return done.stdout


def install_all(environments: Environments, clients: Iterable[Client]) -> dict[Client, str]:
    """Install all of them; return those that cannot be installed, with the reason."""
    missing: dict[Client, str] = {}
    for client in clients:
        try:
            environments.install(client)
        except NotInstallable as problem:
            missing[client] = str(problem)
    return missing


def pin(clients: Iterable[Client]) -> None:
    """Write the newest versions into `requirements` and the page. Raises NotInstallable."""
    uv = find_uv()
    if uv is None:
        raise NotInstallable("uv is not installed; it resolves the versions")
    chosen = list(clients)
    for client in chosen:
        if not client.is_node:
            out = ["--output-file", str(client.requirements), "--upgrade", "--universal", "--python-version", "3.11"]
            words = ["pip", "compile", "--quiet", "--no-annotate", "--no-header", "--no-emit-index-url", *out, "-"]
            _run([uv, *words], text="\n".join((client.package, *client.also)))
    manifest = msgspec.json.decode(PACKAGE_JSON.read_bytes())
    for name in manifest["dependencies"]:
        manifest["dependencies"][name] = _run(["npm", "view", name, "version"]).strip()
    PACKAGE_JSON.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    PAGE.write_text(with_versions(PAGE.read_text(), {client.name: client.version for client in chosen}))


def with_versions(page: str, versions: Mapping[str, str]) -> str:
    """Return the page with these versions in its table of clients."""
    for name, version in versions.items():
        page = re.sub(rf"(\| `{name}` \| )\S+", rf"\g<1>{version}", page)
    return page


def main() -> int:
    """Install or pin; return the exit code."""
    parse = argparse.ArgumentParser(prog="python -m tests.clients.install", description="Install the client libraries.")
    parse.add_argument("--newest", action="store_true", help="install the newest published versions")
    parse.add_argument("--pin", action="store_true", help="write the newest versions into the files of requirements")
    given = parse.parse_args()
    try:
        if given.pin:
            pin(CLIENTS.values())
    except NotInstallable as problem:
        sys.exit(f"{problem}")
    missing = install_all(Environments(newest=given.newest), CLIENTS.values())
    for client, reason in missing.items():
        sys.stderr.write(f"{client.title} is not installed: {reason}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
