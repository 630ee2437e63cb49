"""What the clients connect to: the simulator, or the bridge in front of it, each as its command starts it.

The simulator's control API steers both. A `Service` has one simulator, which serves one client at a time.
"""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import trustme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = Path(__file__).parents[2]
#: The key with which clients connect, and the bridge as well. The simulator takes any that begins like this; the bridge
#: takes this one alone, as the clients' token.
KEY: Final = "sk-a-client-of-the-tests"
#: A key that neither takes.
BAD_KEY: Final = "sk-invalid-of-the-tests"
#: Answers come this many times as fast as recorded.
PACE: Final = 20
_START_SECONDS: Final = 60.0
WAIT_SECONDS: Final = 30.0

Session = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority for 127.0.0.1, with its files."""

    ca: Path
    certificate: Path
    key: Path

    @property
    def words(self) -> list[str]:
        """The options of a server."""
        return ["--tls-cert", str(self.certificate), "--tls-key", str(self.key)]


def make_authority(folder: Path) -> Authority:
    """Make a certificate authority and a certificate for 127.0.0.1."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    made = Authority(folder / "ca.pem", folder / "certificate.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(made.ca)
    with made.certificate.open("wb") as file:
        file.writelines(blob.bytes() for blob in certificate.cert_chain_pems)
    certificate.private_key_pem.write_to_path(made.key)
    return made


@dataclass(frozen=True, slots=True)
class Service:
    """A base URL for a client, and the control over the simulator that is behind it."""

    target: str
    base_url: str
    control: httpx.Client
    logs: tuple[Path, ...]

    @property
    def is_bridge(self) -> bool:
        """Whether the client speaks to a bridge."""
        return self.target == "bridge"

    def post(self, call: str, **body: Any) -> Any:
        """Make a call of the control API."""
        return self.control.post(f"/_sim/{call}", json=body).raise_for_status().json()

    def reset(self) -> None:
        """End all sessions, forget them, and serve the next ones as a healthy service."""
        self.post("scenario", scenario="")
        self.post("cut", how="close", code=1000)
        self.post("reset")

    def choose(self, scenario: str) -> None:
        """Serve the next sessions by a scenario of the simulator."""
        self.post("scenario", scenario=scenario)

    def sessions(self, *, live: bool = False) -> list[Session]:
        """Return the sessions that were opened since the reset, oldest first."""
        found: list[Session] = self.control.get("/_sim/arrivals").raise_for_status().json()["sessions"]
        return [one for one in found if not (live and one["closed"])]

    def inject(self, *faults: str) -> None:
        """Apply faults to the session that runs, or that is about to."""
        self.wait_until(lambda: self.sessions(live=True), "a session runs")
        for session in self.sessions(live=True):
            with suppress(httpx.HTTPStatusError):  # it has ended meanwhile
                self.post("scenario", scenario="good", session=session["session_id"], faults=faults)

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Poll a condition. Raises AssertionError with the sessions if it does not come about."""
        end = time.monotonic() + WAIT_SECONDS
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not within {WAIT_SECONDS:g} s\n{self.account()}")
            time.sleep(0.03)

    def confirmed_updates(self) -> int:
        """Return how many updates the service has confirmed."""
        return sum(session["sent"].get("session.updated", 0) for session in self.sessions())

    def settle(self, opened: int) -> None:
        """Wait until so many sessions were opened, and the newest runs, is configured and owes no answer."""

        def settled() -> bool:
            sessions = self.sessions()
            return len(sessions) >= opened and _is_idle(sessions[-1])

        self.wait_until(settled, f"session {opened} runs and owes nothing")

    def account(self) -> str:
        """Return what the simulator saw, for the message of a failed test."""
        shown = ("session_id", "counts", "sent", "closed", "close_code", "closed_by_client")
        lines = [str({name: one[name] for name in shown}) for one in self.sessions()]
        return "\n".join(["sessions of the simulator:", *lines, *map(_tail, self.logs)])


def _is_idle(session: Session) -> bool:
    counts, sent = session["counts"], session["sent"]
    answered = sent.get("response.created", 0) == sent.get("response.done", 0)
    asked = counts.get("response.create", 0) <= sent.get("response.created", 0) + sent.get("error", 0)
    configured = sent.get("session.updated", 0) >= 1
    return not session["closed"] and answered and asked and configured


def _tail(log: Path) -> str:
    return f"{log.name}:\n" + "\n".join(log.read_text(errors="replace").splitlines()[-30:])


@contextmanager
def running_service(target: str, folder: Path, authority: Authority | None) -> Iterator[Service]:
    """Run the simulator, and the bridge in front of it if that is the target; over TLS if there is an authority."""
    folder.mkdir(parents=True, exist_ok=True)
    simulator_log, bridge_log = folder / "simulator.log", folder / "bridge.log"
    secured = authority.words if authority else []
    direct = target == "simulator"
    with ExitStack() as stack:
        words = ["serve", "--port", "0", "--control", "--pace", str(PACE), *(secured if direct else [])]
        url = stack.enter_context(_command("bridge.simulator.cli", simulator_log, *words))
        context = ssl.create_default_context(cafile=str(authority.ca)) if authority else True
        origin = url.removesuffix("/v1")
        control = stack.enter_context(httpx.Client(base_url=origin, trust_env=False, timeout=60, verify=context))
        if not direct:
            words = ["serve", "--port", "0", "--upstream", url, "--log-format", "json", "--client-token-env", "TOKEN"]
            secrets = {"OPENAI_API_KEY": KEY, "TOKEN": KEY}
            url = stack.enter_context(_command("bridge.server.cli", bridge_log, *words, *secured, **secrets))
        yield Service(target, url, control, (simulator_log,) if direct else (simulator_log, bridge_log))


@contextmanager
def _command(module: str, log: Path, *words: str, **variables: str) -> Iterator[str]:
    """Run one of our commands as a process, and give the base URL that it prints."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from {module} import main; main()"
    ours = ("OPENAI_", "SHERPA_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith(ours)}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *words],
            stdout=out, stderr=out, cwd=log.parent, env=inherited | variables, start_new_session=True,
        )  # fmt: skip
    try:
        yield _printed_url(process, log)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)


def _printed_url(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r"OPENAI_BASE_URL=(\S+)", log.read_text()):
            return found[1]
        time.sleep(0.02)
    raise AssertionError(log.read_text())
