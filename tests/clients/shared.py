"""What the tests of a client share, since it is expensive to start: the services, the drivers, the speech."""

from __future__ import annotations

import math
import os
from array import array
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from tests.clients.catalog import CLIENTS, VERSIONS
from tests.clients.driver_process import DriverProcess
from tests.clients.install import Environments
from tests.clients.service import ROOT, make_authority, running_service

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.catalog import Client
    from tests.clients.service import Authority, Service

_RATE: Final = 24_000
_SPEECH_SECONDS: Final = 0.7


class Shared:
    """The services and drivers of this process, each started when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._services: dict[tuple[str, bool], Service] = {}
        self._drivers: dict[str, DriverProcess] = {}
        self._stack = ExitStack()
        self._authority: Authority | None = None
        self.environments = Environments(newest=os.environ.get(VERSIONS) == "newest")
        self.speech = folder / "speech.pcm"
        self.speech.write_bytes(_speech())

    def service(self, target: str, *, tls: bool) -> Service:
        """Return a service without sessions and without faults."""
        if (target, tls) not in self._services:
            folder = self._folder / (target + ("-tls" if tls else ""))
            running = running_service(target, folder, self.authority() if tls else None)
            self._services[target, tls] = self._stack.enter_context(running)
        found = self._services[target, tls]
        found.reset()
        return found

    def authority(self) -> Authority:
        """Return the certificate authority of this process."""
        if self._authority is None:
            self._authority = make_authority(self._folder)
        return self._authority

    def driver(self, client: Client) -> DriverProcess:
        """Return the driver of a client; a new one if the last test was not passed with it."""
        running = self._drivers.get(client.name)
        if running is None or not running.alive:
            self.discard(client)
            command = self.environments.command(client)
            log = self._folder / f"{client.name}.log"
            running = DriverProcess(command, log, self._environment(client), self._folder)
            self._drivers[client.name] = running
        return running

    def _environment(self, client: Client) -> dict[str, str]:
        dropped = ("OPENAI_", "SHERPA_", "PYTEST_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(dropped)}
        given = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "NO_PROXY": "*"}
        if client.tls:
            given |= dict.fromkeys(("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"), str(self.authority().ca))
        return kept | given

    def discard(self, client: Client) -> None:
        """End the driver of a client."""
        running = self._drivers.pop(client.name, None)
        if running is not None:
            running.stop()

    def close(self) -> None:
        """End everything."""
        for client in CLIENTS.values():
            self.discard(client)
        self._stack.close()


def _speech() -> bytes:
    """Return a loud, wavering tone, which turn detection takes for speech without a pause in it."""
    samples = range(int(_RATE * _SPEECH_SECONDS))
    waver = (0.7 + 0.3 * math.sin(2 * math.pi * 5 * at / _RATE) for at in samples)
    return array(
        "h", (int(9_000 * loud * math.sin(2 * math.pi * 220 * at / _RATE)) for at, loud in enumerate(waver))
    ).tobytes()
