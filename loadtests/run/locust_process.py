"""The Locust process of a run, controlled from outside: its command line, its log, its end.

It is killed when its parent exits. After the first SIGTERM, its callers hang up and it reports what it has; a second
interrupt kills it.
"""

from __future__ import annotations

import math
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadtests.run.child import kill_with_parent
from loadtests.run.ipc import CHANNEL_FD_VARIABLE, WORKING_DIRECTORY_VARIABLE, ParentChannel, socket_pair
from loadtests.scenarios.safety import PERMISSION_OPTION
from sherpa_realtime import python_command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from loadtests.scenarios.plan import RunOptions, RunPlan

LOCUSTFILE = Path(__file__).parents[1] / "locustfile.py"
#: Time for the end of a run: callers hang up, the audio is audited, and some slack.
_GRACE_SECONDS = 40.0
_POLL_SECONDS = 0.25
#: Locust's default port of a master.
DEFAULT_PORT = 5557
#: How long a master waits for its workers.
WORKERS_WAIT_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """How a run is distributed over processes and machines."""

    processes: int | None = None
    master: bool = False
    worker: bool = False
    master_host: str | None = None
    master_port: int | None = None
    expect_workers: int = 1

    def locust_options(self) -> list[str]:
        """Return the matching Locust options."""
        if self.processes is not None:
            port = str(self.master_port or _free_port())
            ports = ["--master-bind-port", port, "--master-port", port]
            return ["--processes", str(self.processes), "--master-bind-host", "127.0.0.1", *ports]
        if self.master:
            wait = str(WORKERS_WAIT_SECONDS)
            command = ["--master", "--expect-workers", str(self.expect_workers), "--expect-workers-max-wait", wait]
            host = ["--master-bind-host", self.master_host] if self.master_host else []
            return [*command, *host, *(["--master-bind-port", str(self.master_port)] if self.master_port else [])]
        if self.worker:
            host = ["--master-host", self.master_host] if self.master_host else []
            return ["--worker", *host, *(["--master-port", str(self.master_port)] if self.master_port else [])]
        return []


def locust_command(plan: RunPlan, options: RunOptions, distribution: Distribution, report: Path) -> list[str]:
    """Return the Locust command, whose process makes the same plan from its options."""
    behaviour = plan.groups[0].behaviour
    values: dict[str, str | None] = {
        "--scenario": plan.scenario.name,
        "--host": plan.url,
        "--users": str(plan.users),
        "--spawn-rate": f"{plan.spawn_rate:g}",
        "--run-time": str(math.ceil(plan.seconds)),
        "--endpoint": behaviour.endpoint.value,
        "--chunk-ms": str(behaviour.chunk_ms),
        "--voice-model": plan.model,
        "--token-env": options.token_env,
        "--origin": options.origin,
        "--control": plan.control_url,
        "--deploy-command": plan.deploy_command,
        "--report-json": str(report),
    }
    command = [word for name, value in values.items() if value is not None for word in (name, value)]
    command += [word for text in options.budgets for word in ("--budget", text)]
    command += [] if options.default_budgets else ["--no-default-budgets"]
    command += ["--memory-watched"] if options.memory_known else []
    command += ["--echo"] if options.echo else []
    start = python_command("locust.main", "-f", str(LOCUSTFILE), "--headless", "--only-summary")
    return [*start, PERMISSION_OPTION, *command, *distribution.locust_options()]


@dataclass(slots=True)
class LocustProcess:
    """A running Locust process. `wait` returns when it has exited."""

    process: subprocess.Popen[bytes]
    channel: ParentChannel
    interrupted: bool = False
    overdue: bool = False
    """It did not exit in time."""

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        handlers: Mapping[str, Callable[[], Any]],
        on_progress: Callable[[Mapping[str, Any]], None],
    ) -> LocustProcess:
        """Start it in a new session, so that Ctrl-C reaches only this process, which forwards it."""
        ours, theirs = socket_pair()
        with theirs, log.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603 - our own command
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={
                    **_without_locust_variables(environment),
                    CHANNEL_FD_VARIABLE: str(theirs.fileno()),
                    WORKING_DIRECTORY_VARIABLE: str(Path.cwd()),
                },
                cwd=log.parent,  # ignore a locust.conf in the working directory
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                preexec_fn=kill_with_parent(os.getpid()) if sys.platform == "linux" else None,  # noqa: PLW1509 - two system calls
            )
        return cls(process, ParentChannel(ours, handlers, on_progress))

    def wait(self, every: Callable[[], None], longest: float) -> int:
        """Answer requests, call `every` now and then, and return the exit code when the process exits.

        Ctrl-C ends it gracefully. After `longest` seconds it is asked to end, and killed if it does not.
        """
        until = time.monotonic() + longest
        while self.process.poll() is None:
            try:
                self._poll()
                every()
            except KeyboardInterrupt:
                self._interrupt()
                until = min(until, time.monotonic())
            late = time.monotonic() - until
            if late > _GRACE_SECONDS:
                self.kill()
            elif late > 0 and not (self.interrupted or self.overdue):
                self._terminate_late()
        self.channel.connection.close()
        return self.process.returncode

    def _poll(self) -> None:
        until = select.select([self.channel.connection], [], [], _POLL_SECONDS)[0]
        if until and not self.channel.read():
            with suppress(subprocess.TimeoutExpired):  # it is terminated when its time is up
                self.process.wait(timeout=_POLL_SECONDS)

    def _interrupt(self) -> None:
        """Terminate it; kill it the second time."""
        if self.interrupted:
            self.kill()
        self.interrupted = True
        self.process.send_signal(signal.SIGTERM)

    def _terminate_late(self) -> None:
        """Terminate it because its time is up."""
        self.overdue = True
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it and its forks, also forks that it left behind."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _without_locust_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Remove variables that would change Locust's options."""
    return {name: value for name, value in environment.items() if not name.startswith("LOCUST_")}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def worker_command(distribution: Distribution) -> list[str]:
    """Return the command of a worker, which gets everything else from its master."""
    start = python_command("locust.main", "-f", str(LOCUSTFILE), "--headless", "--only-summary")
    return [*start, *distribution.locust_options()]
