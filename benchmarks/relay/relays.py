"""The relays that are compared: how each one starts, what its callers speak, and what it needs.

The bridge has its default settings, except for its rate limits, which callers flat out would exceed. What is missing on
a machine is said with a way to install it, and the other relays are measured.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Where packages of Node.js are installed. Git ignores it.
HOME: Final = Path(__file__).parents[2] / ".venv-bench"
#: The version is pinned, so that figures of different days compare.
WS: Final = "ws@8.23.0"
_WS_FOLDER: Final = HOME / "node" / "node_modules" / "ws"
_PROGRAMS: Final = Path(__file__).parent / "programs"
_INSTALL_SECONDS: Final = 300
_PATH: Final = "/v1/realtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """Where the upstream listens."""

    port: int
    tls_port: int | None = None
    authority: str = ""
    """The file with the authority that signed its certificate."""

    def url(self, scheme: str, *, tls: bool) -> str:
        """Return its URL without a path: `scheme` is http or ws."""
        return f"{scheme}s://127.0.0.1:{self.tls_port}" if tls else f"{scheme}://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Command:
    """How to start a process that prints its port in its first line."""

    arguments: tuple[str, ...]
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """One kind of relay."""

    name: str
    title: str
    protocol: str
    """The name of its protocol in `callers`: client, native or direct."""
    start: Callable[[Upstream], Command] | None
    """None: the callers talk to the upstream itself."""
    tls: bool = False
    workers: int = 1
    needs: Callable[[], str] = lambda: ""
    """Returns what is missing, as a sentence; empty if it can be started."""


#: Limits that callers flat out do not reach. The other relays refuse nobody however busy they are; this one must not
#: either, while what it costs to know how busy it is stays in the measurement.
_WIDE: Final = {
    "SHERPA_BRIDGE_FRAMES_PER_SECOND": "1000000",
    "SHERPA_BRIDGE_BYTES_PER_SECOND": "1000000000",
    "SHERPA_BRIDGE_SHED_LAG_MS": "0",
}


def _bridge(*options: str, tls: bool = False) -> Callable[[Upstream], Command]:
    def start(upstream: Upstream) -> Command:
        code = "from bridge.server.cli import main; main()"
        where = ("--upstream", upstream.url("http", tls=tls) + "/v1", "--config", os.devnull, "--max-sessions", "5000")
        quiet = ("--port", "0", "--log-level", "error")
        variables = {"OPENAI_API_KEY": "sk-bench", **_WIDE}
        if tls:
            variables["SSL_CERT_FILE"] = upstream.authority
        return Command((sys.executable, "-c", code, "serve", *quiet, *where, *options), variables)

    return start


def _simulator(_upstream: Upstream) -> Command:
    code = "from bridge.simulator.cli import main; main()"
    return Command((sys.executable, "-c", code, "serve", "--port", "0"), {})


def _python(program: str) -> Callable[[Upstream], Command]:
    def start(upstream: Upstream) -> Command:
        url = upstream.url("ws", tls=False) + _PATH
        return Command((sys.executable, str(_PROGRAMS / program), url), {})

    return start


def _node(*, tls: bool = False) -> Callable[[Upstream], Command]:
    def start(upstream: Upstream) -> Command:
        url = upstream.url("ws", tls=tls) + _PATH
        program = str(_PROGRAMS / "node_relay.js")
        trusted = {"NODE_EXTRA_CA_CERTS": upstream.authority} if tls else {}
        return Command((shutil.which("node") or "node", program, str(_WS_FOLDER), url), trusted)

    return start


def node_problem(*, command: str | None = None, package: Path = _WS_FOLDER) -> str:
    """Return what the Node.js relay lacks, as a sentence; empty if nothing."""
    if (command or shutil.which("node")) is None:
        return "Node.js isn't installed: install node and npm, then run: python -m benchmarks.relay --install"
    if not package.is_dir():
        return "The npm package ws isn't installed: run: python -m benchmarks.relay --install"
    return ""


def node_version() -> str | None:
    """Return the version of Node.js; None if it isn't installed."""
    node = shutil.which("node")
    if node is None:
        return None
    return subprocess.run([node, "--version"], check=False, capture_output=True, text=True).stdout.strip()  # noqa: S603


def python_problem(*modules: str) -> str:
    """Return which Python packages are missing, as a sentence; empty if none."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    distributions = " ".join(name.replace("_", "-") for name in missing)
    return f"Not installed: run: pip install {distributions}" if missing else ""


def tls_problem() -> str:
    """Return what an upstream with TLS lacks, as a sentence; empty if nothing."""
    return python_problem("trustme") and "No certificate can be made: run: pip install 'sherpa-realtime[tls]'"


RELAYS: Final = {
    relay.name: relay
    for relay in (
        Relay(name="client", title="bridge, client endpoint", protocol="client", start=_bridge()),
        Relay(name="native", title="bridge, native endpoint", protocol="native", start=_bridge()),
        Relay(
            name="client-tls",
            title="bridge, TLS upstream",
            protocol="client",
            start=_bridge(tls=True),
            tls=True,
            needs=tls_problem,
        ),
        Relay(
            name="client-workers",
            title="bridge, 2 workers",
            protocol="client",
            start=_bridge("--workers", "2"),
            workers=2,
        ),
        Relay(name="simulator", title="simulator", protocol="native", start=_simulator),
        Relay(name="direct", title="no relay", protocol="direct", start=None),
        Relay(name="node", title="Node + ws", protocol="native", start=_node(), needs=node_problem),
        Relay(
            name="node-tls",
            title="Node + ws, TLS upstream",
            protocol="native",
            start=_node(tls=True),
            tls=True,
            needs=lambda: node_problem() or tls_problem(),
        ),
        Relay(name="picows", title="picows + uvloop", protocol="native", start=_python("picows_relay.py")),
        Relay(
            name="aiohttp",
            title="aiohttp",
            protocol="native",
            start=_python("aiohttp_relay.py"),
            needs=lambda: python_problem("aiohttp"),
        ),
        Relay(
            name="trio-websocket",
            title="trio-websocket",
            protocol="native",
            start=_python("trio_websocket_relay.py"),
            needs=lambda: python_problem("trio_websocket"),
        ),
    )
}


def install() -> str:
    """Install the npm package below HOME, and return what is still missing, as a sentence."""
    npm = shutil.which("npm")
    if npm is not None and not _WS_FOLDER.is_dir():
        folder = HOME / "node"
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent", WS]
        try:
            subprocess.run(command, check=True, timeout=_INSTALL_SECONDS)  # noqa: S603 - a pinned package
        except (OSError, subprocess.SubprocessError) as error:
            return f"npm couldn't install {WS}: {error}"
    return node_problem()
