"""What a bridge says to the service manager that started it, and the sockets that it gets from there.

Both are systemd's protocols, which others speak as well: datagrams to the socket that NOTIFY_SOCKET names
(sd_notify(3)), and listening sockets from descriptor 3 on (sd_listen_fds(3)). Without these variables nothing happens.
Only the process that was started speaks: with several workers, that is their parent.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

#: The first descriptor that is handed over: those below are stdin, stdout and stderr.
_FIRST_DESCRIPTOR: Final = 3
#: The name of the admin socket, as its unit sets it with FileDescriptorName. Any other one is for clients.
ADMIN_NAME: Final = "admin"


class ActivationError(Exception):
    """A socket that was handed over can't be used; the message says why."""


class ServiceManager:
    """The other end of sd_notify(3), or nobody."""

    def __init__(self, address: str = "", watchdog_seconds: float = 0.0) -> None:
        """Tell the socket at `address`, a path or `@` and an abstract name; nobody if it is empty.

        `watchdog_seconds` is after how long a silence the manager kills this process; 0 for never.
        """
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._beat_seconds = watchdog_seconds / 2
        self._beat_at = 0.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ServiceManager:
        """Return the manager that the environment of this process names."""
        address = environment.get("NOTIFY_SOCKET", "")
        for_us = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        period = environment.get("WATCHDOG_USEC", "") if for_us else ""
        return cls(address if address.startswith(("/", "@")) else "", int(period) / 1e6 if period.isdecimal() else 0.0)

    def ready(self) -> None:
        """Say that clients may connect, at the start or after `reloading`."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Say that the settings are being read again. `ready` must follow."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Say that no new sessions begin."""
        self._send("STOPPING=1")

    def beat(self) -> None:
        """Say that this process runs. May be called more often than needed."""
        now = time.monotonic()
        if self._beat_seconds and now - self._beat_at >= self._beat_seconds - 1:
            self._beat_at = now
            self._send("WATCHDOG=1")

    def _send(self, state: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            sending.setblocking(False)  # a manager that doesn't read must not stop the bridge
            sending.sendto(state.encode(), self._address)


@dataclass(frozen=True, slots=True)
class InheritedSockets:
    """Listening sockets that this process was started with."""

    clients: socket.socket | None = None
    admin: socket.socket | None = None

    def options(self) -> dict[str, object]:
        """Return the options of `serve` that say where the bridge listens: these sockets decide it, no setting."""
        options: dict[str, object] = {}
        if self.clients is not None:
            options["host"], options["port"] = self.clients.getsockname()[:2]
        if self.admin is not None:
            host, port = self.admin.getsockname()[:2]
            options["admin_listen"] = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return options


def take_inherited_sockets(environment: MutableMapping[str, str], first: int = _FIRST_DESCRIPTOR) -> InheritedSockets:
    """Return the sockets from descriptor `first` on, and remove the variables, which are for this process only.

    Raises ActivationError for a socket that isn't a listening TCP socket, and for more than one of a kind.
    """
    given = {name: environment.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")}
    if given["LISTEN_PID"] != str(os.getpid()) or not given["LISTEN_FDS"].isdecimal():
        return InheritedSockets()
    names = given["LISTEN_FDNAMES"].split(":")
    found: dict[str, socket.socket] = {}
    for number in range(int(given["LISTEN_FDS"])):
        kind = ADMIN_NAME if number < len(names) and names[number] == ADMIN_NAME else "clients"
        if kind in found:
            found[kind].close()
            raise ActivationError(f"more than one socket for {kind}: name the other one with FileDescriptorName=admin")
        found[kind] = _listening(first + number)
    return InheritedSockets(found.get("clients"), found.get(ADMIN_NAME))


def _listening(descriptor: int) -> socket.socket:
    try:
        taken = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ActivationError(f"descriptor {descriptor} is not a socket: {(error.strerror or '').lower()}") from None
    tcp = taken.family in (socket.AF_INET, socket.AF_INET6) and taken.type == socket.SOCK_STREAM
    if not tcp or not taken.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        taken.detach()
        raise ActivationError(f"descriptor {descriptor} is not a listening TCP socket: use ListenStream=HOST:PORT")
    taken.set_inheritable(False)
    return taken
