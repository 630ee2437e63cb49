"""What a command finds on this machine before it does anything: settings, key, packages, local servers.

For the page that a command without arguments shows. It reads the environment and `sherpa.toml`, and asks the machine
itself who listens on a port of loopback. Nothing here goes out to a network, and no row holds a key or a part of one.
"""

from __future__ import annotations

import os
import platform
import socket
from typing import TYPE_CHECKING, TypeAlias

from bridge.config.resolve import Config, Flags, MissingKeyError, Setting, read_config
from bridge.config.toml_file import FILE_NAME, ConfigError
from reports.redaction import hide_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Row: TypeAlias = tuple[str, str]

#: The ports of `sherpa-bridge serve` and `sherpa-sim serve`, if no other was chosen.
BRIDGE_PORT, SIMULATOR_PORT = 8765, 8766
#: Loopback answers at once, except where a firewall drops the question.
_ANSWER_SECONDS = 0.05


class Surroundings:
    """The environment and the folder that a command was started in."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        """Read the settings; what is wrong with them is kept in `error`."""
        self._folder = folder
        self.error = ""
        self.missing_key = ""
        """What to do about a key that isn't there; empty if there is one, or if it can't be used."""
        self.config: Config | None = None
        try:
            self.config = read_config(Flags(), environment, folder, with_key=False)
            self.config = read_config(Flags(), environment, folder)
        except MissingKeyError as error:
            self.missing_key = error.variable
        except ConfigError as error:
            self.error = str(error)

    @property
    def has_key(self) -> bool:
        """Whether there is a key that can be sent. The service may still refuse it."""
        return self.config is not None and self.config.api_key.value is not None

    def rows(self) -> tuple[Row, ...]:
        """Return what is known of the settings and of the key."""
        rows = [("settings", f"{FILE_NAME} in this folder" if self._has_file() else f"no {FILE_NAME} in this folder")]
        if self.error:
            rows.append(("error", self.error))
        if self.config is not None:
            rows += [
                ("service", _sourced(self.config.base_url)),
                ("model", _sourced(self.config.model)),
                ("API key", self._key(self.config)),
                *(("warning", warning) for warning in self.config.warnings),
            ]
        return tuple(rows)

    def _has_file(self) -> bool:
        return (self._folder / FILE_NAME).exists()

    def _key(self, config: Config) -> str:
        if config.api_key.value is not None:
            return f"present, in {config.api_key.source} (not shown)"
        return f"none: {self.missing_key} is not set" if self.missing_key else "can't be used: see the error"


def _sourced(setting: Setting[str]) -> str:
    shown = hide_credentials(setting.value)
    return shown if setting.source == "default" else f"{shown}, from {setting.source}"


def title(tool: str, version: str) -> str:
    """Return the first line of a page: the command with its version, and what it runs on."""
    return f"{tool} {version}, Python {platform.python_version()}, {platform.system()}"


def is_listening(port: int) -> bool:
    """Return whether something on this machine accepts connections at 127.0.0.1:PORT."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as asking:
        asking.settimeout(_ANSWER_SECONDS)
        return asking.connect_ex(("127.0.0.1", port)) == 0


def listener_row(name: str, port: int, *, listening: bool) -> Row:
    """Return the row of a local server: whether one listens at its usual port."""
    return name, f"{'something' if listening else 'nothing'} listens at 127.0.0.1:{port}"


def set_variable(name: str, value: str) -> str:
    """Return how to set an environment variable in the shell of this system."""
    return f'$env:{name} = "{value}"' if os.name == "nt" else f"export {name}={value}"
