"""Programs that nobody here wrote, between our probes and our simulator or bridge.

They are not part of `make test`: `make strangers` installs and runs them. What they do is kept in fakes as well, which
the fast tests use. Time passes here as on every other day.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.strangers.programs import free_port, need, our_command, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

LITELLM_KEY = "sk-litellm-0123456789abcdef0123456789abcdef"
#: The models of LiteLLM's proxy and the scenario of the simulator behind each.
LITELLM_MODELS = {
    "gpt-realtime-2.1": "good",
    "lost": "dropped-mid-response",
    "echo": "echo",
    "refused": "invalid-key",
}
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests out of `make test`, and in the nightly run."""
    here = f"{Path(__file__).parent}{os.sep}"
    for item in items:
        if str(item.path).startswith(here):
            for marker in ("strangers", "nightly", "wall_clock"):
                item.add_marker(marker)


@pytest.fixture
def process_state_is_restored() -> None:
    """Let programs live on: they serve many tests."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all configurations and logs."""
    return tmp_path_factory.mktemp("strangers")


@pytest.fixture(scope="session")
def simulator(folder: Path) -> Iterator[int]:
    """The port of our simulator."""
    port = free_port()
    words = our_command("sherpa_sim", "serve", "--port", str(port))
    with running(words, port, folder / "simulator.log"):
        yield port


@pytest.fixture(scope="session")
def bridge(folder: Path, simulator: int) -> Iterator[int]:
    """The port of our bridge, in front of the simulator."""
    port = free_port()
    words = our_command("sherpa_bridge", "serve", "--port", str(port), "--upstream", f"http://127.0.0.1:{simulator}/v1")
    with running(words, port, folder / "bridge.log", OPENAI_API_KEY="sk-simulated"):
        yield port


@pytest.fixture(scope="session")
def nginx(folder: Path) -> Iterator[Callable[[int, str], int]]:
    """Run nginx in front of a port, with these lines in its location: `nginx(port, "proxy_http_version 1.1;")`."""
    command = need("nginx")
    with ExitStack() as stack:

        def start(behind: int, lines: str = "") -> int:
            port = free_port()
            file = folder / f"nginx-{port}.conf"
            paths = " ".join(f"{name}_temp_path {folder}/{port}-{name};" for name in _TEMPORARY)
            file.write_text(
                f"pid {folder}/nginx-{port}.pid; daemon off; events {{}} http {{ access_log off; {paths} server {{ "
                f"listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{behind}; {lines} }} }} }}"
            )
            words = [command, "-c", str(file), "-e", str(folder / f"nginx-{port}.err")]
            return stack.enter_context(running(words, port, folder / f"nginx-{port}.log"))

        yield start


@contextmanager
def _haproxy(folder: Path, behind: int, lines: str, timeout: str) -> Iterator[int]:
    port = free_port()
    file = folder / f"haproxy-{port}.cfg"
    file.write_text(
        f"defaults\n  mode http\n  timeout connect 5s\n  timeout client {timeout}\n  timeout server {timeout}\n"
        f"frontend f\n  bind 127.0.0.1:{port}\n  {lines}\n  default_backend b\n"
        f"backend b\n  server s 127.0.0.1:{behind}\n"
    )
    with running([need("haproxy"), "-f", str(file), "-q"], port, folder / f"haproxy-{port}.log"):
        yield port


@pytest.fixture
def haproxy(folder: Path) -> Callable[[int, str, str], AbstractContextManager[int]]:
    """Run HAProxy in front of a port: `haproxy(port, lines_of_the_frontend, timeout)`."""
    return lambda behind, lines, timeout: _haproxy(folder, behind, lines, timeout)


@pytest.fixture(scope="session")
def suite_port() -> int:
    """The port where the conformance suite listens as the upstream of `litellm` and `portkey`."""
    return free_port()


@pytest.fixture(scope="session")
def litellm(folder: Path, simulator: int, suite_port: int) -> Iterator[int]:
    """The port of LiteLLM's proxy, in front of the simulator. It takes half a minute to start."""
    command, port, file = need("litellm"), free_port(), folder / "litellm.yaml"
    entries = [
        f"  - model_name: {name}\n    litellm_params:\n      model: openai/gpt-realtime-2.1\n"
        f"      api_base: http://127.0.0.1:{simulator}/v1\n      api_key: sk-scenario-{scenario}\n"
        "    model_info:\n      mode: realtime\n"
        for name, scenario in LITELLM_MODELS.items()
    ]
    entries.append(
        f"  - model_name: suite\n    litellm_params:\n      model: openai/gpt-realtime-2.1\n"
        f"      api_base: http://127.0.0.1:{suite_port}/v1\n      api_key: sk-of-litellm-0123456789abcdef\n"
        "    model_info:\n      mode: realtime\n"
    )
    file.write_text(f"model_list:\n{''.join(entries)}general_settings:\n  master_key: {LITELLM_KEY}\n")
    words = [command, "--config", str(file), "--host", "127.0.0.1", "--port", str(port)]
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}
    with running(words, port, folder / "litellm.log", **environment):
        yield port


@pytest.fixture(scope="session")
def aimock(folder: Path) -> Iterator[int]:
    """The port of aimock, which answers every text with one sentence."""
    package, port, file = Path(need("aimock")), free_port(), folder / "aimock.mjs"
    file.write_text(
        f'import {{ LLMock }} from "{package.as_posix()}";\n'
        f'const mock = new LLMock({{ port: {port}, host: "127.0.0.1" }});\n'
        'mock.onMessage(/.*/, { content: "One, two, three." });\nawait mock.start();\n'
    )
    with running(["node", str(file)], port, folder / "aimock.log"):
        yield port


@pytest.fixture(scope="session")
def fakeai(folder: Path) -> Iterator[int]:
    """The port of fakeai, which speaks the beta dialect."""
    command, port = need("fakeai"), free_port()
    words = [command, "server", "--host", "127.0.0.1", "--port", str(port)]
    with running(words, port, folder / "fakeai.log"):
        yield port


@pytest.fixture(scope="session")
def portkey(folder: Path, nginx: Callable[[int, str], int], suite_port: int) -> Iterator[int]:
    """The port of Portkey's gateway. An nginx before it adds the headers that say which service is behind it."""
    program, port = need("portkey"), free_port()
    headers = {
        "Upgrade": "$http_upgrade",
        "Connection": "upgrade",
        "x-portkey-provider": "azure-ai",
        "x-portkey-azure-foundry-url": f"http://127.0.0.1:{suite_port}/v1",
    }
    lines = "".join(f"proxy_set_header {name} {value}; " for name, value in headers.items())
    with running(["node", program, f"--port={port}", "--headless"], port, folder / "portkey.log"):
        yield nginx(port, f"proxy_http_version 1.1; {lines}")
