"""What the documents tell people to type is typed here: every `console` block of README.md and docs/, on loopback.

In such a block the lines run that begin with `$ sherpa-` (environment settings may stand in front), and `$ curl` to
loopback; other lines are output or somebody else's commands. `# exit N` behind a command is the exit code it promises.
`sherpa-sim serve` runs until its block is done. Blocks marked `python runnable` are run as well.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
#: Their commands show an error each, and other tests provoke those, too.
NIGHTLY = ("errors", "explain")
#: For one command, on a machine that is busy with other things.
COMMAND_SECONDS = 120.0
#: The port that the pages name; here it is exchanged for a free one.
PORT = "8766"
#: Nothing listens there: what would leave the machine ends at once.
NOWHERE = "http://127.0.0.1:9"

_FENCE = re.compile(r"^```(?P<kind>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_RUN = re.compile(r"\$ (?:[A-Z_]+=\S+ )*(?:sherpa-[a-z]+\b|curl\b.*http://127\.0\.0\.1)")
_SERVE = re.compile(r"(?:[A-Z_]+=\S+ )*sherpa-sim serve\b")
_EXIT = re.compile(r"# exit (\d+)\s*$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    kind: str
    text: str

    @property
    def commands(self) -> tuple[str, ...]:
        """What is run of it, without the prompt; a backslash continues a line."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return tuple(line.removeprefix("$ ") for line in lines if _RUN.match(line))


def blocks_in(page: str, text: str) -> tuple[Block, ...]:
    return tuple(
        Block(page, text.count("\n", 0, found.start()) + 1, found["kind"].strip(), found["text"])
        for found in _FENCE.finditer(text)
    )


ALL_BLOCKS = tuple(block for page in PAGES for block in blocks_in(page.name, page.read_text()))
_NIGHTLY_PAGES = {page.name for page in PAGES if page.parent.name in NIGHTLY}
CONSOLE = tuple(block for block in ALL_BLOCKS if block.kind == "console" and block.commands)
PYTHON = tuple(block for block in ALL_BLOCKS if block.kind == "python runnable")


def named(block: Block) -> str:
    return f"{block.page}-{block.line}"


def environment(folder: Path) -> dict[str, str]:
    """No keys, no settings of whoever runs the tests, and no way out of this machine."""
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TERM") if name in os.environ}
    proxies = {
        name: NOWHERE for word in ("HTTP", "HTTPS", "ALL") for name in (f"{word}_PROXY", f"{word}_proxy".lower())
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    here = "127.0.0.1,localhost"
    return {**kept, **proxies, "NO_PROXY": here, "no_proxy": here, "PATH": path, "HOME": str(folder)}


def promised_exit(command: str) -> int:
    promise = _EXIT.search(command)
    return int(promise[1]) if promise else 0


def is_server(command: str) -> bool:
    """Whether it runs until it is stopped: one that promises to fail ends by itself."""
    return bool(_SERVE.match(command)) and not promised_exit(command)


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return str(listening.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Console:
    """Where the commands of one block are typed."""

    folder: Path
    port: str
    environment: Mapping[str, str]

    async def run(self, command: str) -> subprocess.CompletedProcess[bytes]:
        """Type one command and wait for its end."""
        with trio.fail_after(COMMAND_SECONDS):
            return await trio.run_process(
                ["sh", "-c", command.replace(PORT, self.port)],
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                cwd=self.folder,
                env=self.environment,
            )

    @asynccontextmanager
    async def serving(self, command: str) -> AsyncIterator[None]:
        """Run a server for the length of the block, from its greeting on; at the end it must obey Ctrl-C."""
        shown = re.split(r" [&#]", command)[0].rstrip().replace(PORT, self.port)
        placed = shown if "--port" in shown else f"{shown} --port {self.port}"
        run = partial(
            trio.run_process, ["sh", "-c", f"exec env {placed}"], check=False, stderr=subprocess.PIPE,
            cwd=self.folder, env=self.environment, deliver_cancel=_kill,
        )  # fmt: skip
        async with trio.open_nursery() as nursery:
            process = await nursery.start(run)
            with trio.fail_after(COMMAND_SECONDS):
                await _greeted(process, placed)
            yield
            process.send_signal(signal.SIGINT)
            with trio.fail_after(COMMAND_SECONDS):
                assert await process.wait() in (0, 130), f"{placed} ended with {process.returncode}"


async def _kill(process: trio.Process) -> None:
    process.kill()


async def _greeted(process: trio.Process, command: str) -> None:
    assert process.stderr is not None
    heard = b""
    while b"stop with Ctrl-C" not in heard:
        more = await process.stderr.receive_some()
        assert more, f"{command} ended: {heard.decode()}"
        heard += more


async def type_in(block: Block, folder: Path) -> None:
    """Type a block's commands, one after the other."""
    console = Console(folder, free_port(), environment(folder))
    servers = [command for command in block.commands if is_server(command)]
    assert len(servers) <= 1, "one server in a block"
    if servers:
        async with console.serving(servers[0]):
            await _type_all(console, block)
    else:
        await _type_all(console, block)


async def _type_all(console: Console, block: Block) -> None:
    for command in block.commands:
        if is_server(command):
            continue
        done = await console.run(command)
        told = f"{block.page} line {block.line}: {command}\n{done.stdout.decode()}{done.stderr.decode()}"
        assert done.returncode == promised_exit(command), told
        assert b"Traceback" not in done.stderr, told


@pytest.mark.slow
def marked(block: Block) -> Any:
    """The block as a parameter; nightly where its page is."""
    return pytest.param(block, id=named(block), marks=[pytest.mark.nightly] if block.page in _NIGHTLY_PAGES else [])


@pytest.mark.parametrize("block", list(map(marked, CONSOLE)))
async def test_what_a_page_tells_to_type_does_what_it_promises(block: Block, tmp_path: Path) -> None:
    await type_in(block, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("block", PYTHON, ids=named)
async def test_a_python_example_runs(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "test_example.py"
    file.write_text(block.text)
    pytest_words = (
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"] if "def test_" in block.text else []
    )
    with trio.fail_after(COMMAND_SECONDS):
        done = await trio.run_process(
            [sys.executable, *pytest_words, str(file)],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            cwd=tmp_path,
            env=environment(tmp_path),
        )
    assert done.returncode == 0, f"{done.stdout.decode()}{done.stderr.decode()}"


def test_readme_and_the_simulators_page_have_commands_to_run() -> None:
    assert {"README.md", "simulator.md"} <= {block.page for block in CONSOLE}


def test_the_simulators_page_has_python_examples_to_run() -> None:
    assert "simulator.md" in {block.page for block in PYTHON}


def test_every_command_of_ours_in_a_console_block_is_typed() -> None:
    for block in ALL_BLOCKS:
        if block.kind == "console":
            typed = [line for line in block.text.splitlines() if line.startswith("$") and "sherpa-" in line]
            assert [line for line in typed if not _RUN.match(line)] == [], named(block)


_SAMPLE = """Some words.

```console
$ sherpa-sim list --json
{"output": "is not typed"}
$ pip install something
$ OPENAI_API_KEY=sk-x sherpa-probe access \\
    --base-url http://127.0.0.1:8766/v1   # exit 1
$ curl https://example.com/
$ curl -s http://127.0.0.1:8766/_sim/scenarios
```
"""


def test_only_our_own_commands_and_loopback_are_typed() -> None:
    (block,) = blocks_in("page.md", _SAMPLE)
    assert block.line == 3
    first, second, third = block.commands
    assert first == "sherpa-sim list --json"
    assert second.startswith("OPENAI_API_KEY=sk-x sherpa-probe access")
    assert (promised_exit(first), promised_exit(second), promised_exit(third)) == (0, 1, 0)


@pytest.mark.parametrize(
    "text",
    [
        "$ sherpa-sim list --nonsense\n",
        "$ sherpa-sim list   # exit 1\n",
        "$ sherpa-sim serve --scenario nonsense\n",
        "$ sherpa-sim serve\n$ curl -sf http://127.0.0.1:8766/nothing\n",
    ],
)
async def test_a_command_that_breaks_its_promise_is_caught(text: str, tmp_path: Path) -> None:
    with pytest.RaisesGroup(AssertionError, allow_unwrapped=True, flatten_subgroups=True):
        await type_in(Block("page.md", 1, "console", text), tmp_path)
