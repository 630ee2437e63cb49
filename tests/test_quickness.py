"""Commands answer at once: they import only what they need, and take little longer than Python takes to import that.

What is imported is compared exactly. Of times, ratios are compared, of the best of a few runs in turns, so that the
verdict is the same on a slow or a busy machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
COMMANDS = {
    "sherpa-bridge": "bridge.server.cli",
    "sherpa-load": "loadtests.cli",
    "sherpa-probe": "probes.cli",
    "sherpa-report": "reports.cli",
    "sherpa-sim": "bridge.simulator.cli",
}
#: What is imported for a page of help, and for a look at a service.
HELP_LIBRARIES, ACCESS_LIBRARIES = "import click", "import click, httpx, msgspec, rich.console, trio, websockets"
ACCESS = "from probes.cli import main; main()"
#: A page of help as click alone prints it.
CLICK_HELP = "import click; click.Group('x', help='y', commands=[click.Command('z')]).main(['--help'])"
#: Modules besides those called `cli...` that a page of help needs, and which are light.
HELP_MODULES = {
    "probes.runner.early_interrupts", "probes.runner.interrupts", "probes.runner.output", "reports.console",
    "reports.render.registry", "sherpa_realtime", "signal",
}  # fmt: skip
#: Commands, what they never need, and is slow to import.
UNNEEDED = {
    "sherpa-probe": {"ast_grep_py", "asyncio", "h11", "httpx", "jinja2", "msgspec", "ssl", "trio", "websockets"},
    "sherpa-bridge": {"asyncio", "h11", "httpx", "jinja2", "ssl", "trio", "websockets"},
    "sherpa-sim": {"asyncio", "h11", "httpx", "jinja2", "ssl", "trio", "websockets"},
    "sherpa-load": {"asyncio", "gevent", "httpx", "jinja2", "locust", "ssl", "trio", "websocket"},
    "sherpa-bridge check-config": {"asyncio", "bridge.simulator", "httpx", "jinja2", "loadtests", "probes", "rich"},
    "sherpa-probe explain 1013": {"asyncio", "h11", "httpx", "jinja2", "ssl", "trio", "websockets"},
    "sherpa-probe lint --list": {"asyncio", "h11", "httpx", "jinja2", "ssl", "trio", "websockets"},
    "sherpa-probe access --simulate": {"ast_grep_py", "asyncio", "gevent", "jinja2", "locust", "pygal"},
    "sherpa-sim list": {"asyncio", "h11", "httpx", "jinja2", "ssl", "trio", "websockets"},
    "sherpa-load list": {"asyncio", "gevent", "httpx", "jinja2", "locust", "ssl", "trio", "websocket"},
}  # fmt: skip
#: How often both are run before a command is called slow.
TRIES = 12


def run(program: str, *words: str) -> tuple[float, str]:
    """Run a program as a process; returns its seconds and what it printed."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": "sk-of-nobody-0123456789"}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=ROOT / "tests", env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    assert done.returncode == 0, done.stderr
    return seconds, done.stdout


def imported_by(program: str, *words: str) -> set[str]:
    """Run a program as a process; returns the names of the modules that it imported."""
    show = "import atexit, sys; atexit.register(lambda: sys.stdout.write('\\n' + ' '.join(sys.modules)))"
    return set(run(f"{show}; {program}", *words)[1].splitlines()[-1].split())


def entry(command: str) -> str:
    """Return the program that starts a command as its installed script does."""
    function = command.replace("-", "_")
    return f"import sys; sys.argv[0] = '{command}'; from sherpa_realtime import {function}; {function}()"


def best_ratio(measured: Callable[[], float], imports: str, enough: float) -> float:
    """Divide the best seconds of a command by those of an import; stop as soon as the ratio is small enough."""
    best = reference = float("inf")
    for _ in range(TRIES):
        reference = min(reference, run(imports)[0])
        best = min(best, measured())
        if best / reference < enough:
            break
    return best / reference


@pytest.fixture(scope="module")
def click_modules() -> set[str]:
    return imported_by(CLICK_HELP)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        *COMMANDS, "sherpa-bridge serve", "sherpa-load run", "sherpa-probe access", "sherpa-probe events",
        "sherpa-probe lint", "sherpa-report render", "sherpa-sim serve",
    ],
)  # fmt: skip
def test_help_imports_nothing_but_click_and_the_modules_that_define_options(
    words: str, click_modules: set[str]
) -> None:
    command, *more = words.split()
    imported = imported_by(entry(command), *more, "--help") - click_modules
    packages = {module.rpartition(".")[0] for module in imported} | {"bridge", "reports", "reports.render"}

    assert {module for module in imported - packages if not module.rpartition(".")[2].startswith("cli")} <= HELP_MODULES


@pytest.mark.slow
@pytest.mark.parametrize("words", UNNEEDED)
def test_a_command_does_not_import_what_it_does_not_need(words: str) -> None:
    command, *more = words.split()

    assert not imported_by(entry(command), *more) & UNNEEDED[words]


@pytest.mark.slow
@pytest.mark.parametrize("words", [*COMMANDS, "sherpa-sim serve"])
def test_help_takes_no_longer_than_the_library_that_prints_it(words: str) -> None:
    command, *more = words.split()
    program = f"import sys; sys.argv[0] = '{command}'; from {COMMANDS[command]} import main; main()"
    assert best_ratio(lambda: run(program, *more, "--help")[0], HELP_LIBRARIES, 2.0) < 2.0


@pytest.mark.slow
def test_access_to_the_simulator_takes_little_longer_than_its_imports() -> None:
    assert best_ratio(lambda: run(ACCESS, "access", "--simulate")[0], ACCESS_LIBRARIES, 3.0) < 3.0


@pytest.mark.slow
def test_access_adds_little_of_its_own_to_the_round_trips() -> None:
    """On loopback, round trips take next to nothing: what is left is the probe's own time, and the simulator's."""

    def seconds_of_the_probe() -> float:
        return float(json.loads(run(ACCESS, "access", "--simulate", "--json")[1])["seconds"])

    assert best_ratio(seconds_of_the_probe, ACCESS_LIBRARIES, 0.4) < 0.4
