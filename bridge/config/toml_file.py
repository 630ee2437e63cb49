"""Reads `sherpa.toml`: its tables and keys, their types, and a message for each mistake.

Precedence over other sources is decided in `resolve.py`. The file never contains a key, only where the key is.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

#: The file that is read unless `--config` names another one.
FILE_NAME = "sherpa.toml"

#: No settings file is larger. The bound keeps a device or a log file from being read whole.
_MAX_BYTES = 256 * 1024


#: How many names fit on a line.
_MAX_NAMES = 12


class ConfigError(Exception):
    """Wrong configuration: one line per mistake, with its place and what to do. Commands exit with code 2.

    Most functions stop at the first mistake and raise it alone.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines

    def __str__(self) -> str:
        return "\n".join(self.lines)


class SettingType(StrEnum):
    """The type of a setting; the text is what messages call it."""

    TEXT = "a string in quotes"
    FLAG = "true or false"
    NUMBER = "a number"
    TABLE = "a table of strings"
    TEXTS = "a list of strings"
    TABLE_OF_TEXTS = "a table of lists of strings"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_table_of_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


_FITS: Mapping[SettingType, Callable[[object], bool]] = {
    SettingType.TEXT: lambda value: isinstance(value, str),
    SettingType.FLAG: lambda value: isinstance(value, bool),
    SettingType.NUMBER: _is_number,
    SettingType.TABLE: _is_table_of_texts,
    SettingType.TEXTS: _is_list_of_texts,
    SettingType.TABLE_OF_TEXTS: lambda value: isinstance(value, dict) and all(map(_is_list_of_texts, value.values())),
}

#: Every table and key of the file. A new setting is one line here and one in `bridge.config.resolve`.
TABLES: Mapping[str, Mapping[str, SettingType]] = {
    "upstream": {
        "base_url": SettingType.TEXT,
        "api_key_env": SettingType.TEXT,
        "api_key_file": SettingType.TEXT,
        "organization": SettingType.TEXT,
        "project": SettingType.TEXT,
        "azure": SettingType.FLAG,
        "dialect": SettingType.TEXT,
        "model": SettingType.TEXT,
        "headers": SettingType.TABLE,
    },
    "probe": {"timeout": SettingType.NUMBER},
    "lint": {  # read by `probes.lint.options`, which knows the rules
        "select": SettingType.TEXTS,
        "ignore": SettingType.TEXTS,
        "exclude": SettingType.TEXTS,
        "per-file-ignores": SettingType.TABLE_OF_TEXTS,
        "severity": SettingType.TABLE,
    },
    "bridge": {
        "host": SettingType.TEXT,
        "port": SettingType.NUMBER,
        "admin_listen": SettingType.TEXT,
        "admin_token_env": SettingType.TEXT,
        "allow_origin": SettingType.TEXTS,
        "allow_anonymous": SettingType.FLAG,
        "client_token_env": SettingType.TEXT,
        "max_sessions": SettingType.NUMBER,
        "connections_per_ip_per_second": SettingType.NUMBER,
        "dials_per_ip_per_second": SettingType.NUMBER,
        "dials_per_second": SettingType.NUMBER,
        "sessions_per_ip": SettingType.NUMBER,
        "trusted_proxies": SettingType.TEXTS,
        "proxy_protocol": SettingType.FLAG,
        "used_tickets_dir": SettingType.TEXT,
        "workers": SettingType.NUMBER,
        "tls_cert": SettingType.TEXT,
        "tls_key": SettingType.TEXT,
        "mint": SettingType.FLAG,
        "prewarm": SettingType.NUMBER,
        "rollover": SettingType.FLAG,
        "voice": SettingType.TEXT,
        "instructions": SettingType.TEXT,
        "turn_detection": SettingType.TEXT,
        "locked": SettingType.TEXTS,
        "max_message_bytes": SettingType.NUMBER,
        "bytes_per_second": SettingType.NUMBER,
        "frames_per_second": SettingType.NUMBER,
        "shed_lag_ms": SettingType.NUMBER,
        "memory_mib": SettingType.NUMBER,
        "no_session_seconds": SettingType.NUMBER,
        "idle_seconds": SettingType.NUMBER,
        "max_session_seconds": SettingType.NUMBER,
        "max_cost_usd": SettingType.NUMBER,
        "max_tokens": SettingType.NUMBER,
        "sessions_per_identity": SettingType.NUMBER,
        "cost_usd_per_identity": SettingType.NUMBER,
        "tokens_per_identity": SettingType.NUMBER,
        "prices": SettingType.TEXT,
        "drain_seconds": SettingType.NUMBER,
        "node": SettingType.TEXT,
        "page": SettingType.FLAG,
        "log_format": SettingType.TEXT,
        "log_level": SettingType.TEXT,
    },
}

#: Keys that are refused with a message of their own.
_REFUSED: Mapping[str, str] = {
    "api_key": "a key does not belong in a shared file: say where it is with api_key_env or api_key_file",
}


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """The content of a settings file: checked values by table and key."""

    name: str = FILE_NAME
    """The path as it was given, for messages."""
    values: Mapping[tuple[str, str], object] = field(default_factory=dict)
    path: Path | None = None
    """None if there is no file."""

    def location(self, table: str, key: str) -> str:
        """Return the place of a value, for messages."""
        return f"{self.name}, [{table}] {key}"


def read_settings_file(path: Path, *, must_exist: bool) -> SettingsFile:
    """Read and check a settings file. A missing file counts as empty unless it `must_exist`. Raises ConfigError."""
    try:
        document = read_toml(path)
    except FileNotFoundError:
        if must_exist:
            raise ConfigError(f"{path}: file not found (named by --config)") from None
        return SettingsFile()
    return SettingsFile(name=str(path), values=dict(_checked(str(path), document)), path=path)


def read_toml(path: Path) -> Mapping[str, object]:
    """Read a TOML file of people's making. Raises FileNotFoundError, and ConfigError for anything else."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {(error.strerror or 'unknown error').lower()}") from None
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"{path}: is larger than {_MAX_BYTES // 1024} KiB, which no settings file is")
    return _parsed(str(path), data)


def _parsed(name: str, data: bytes) -> Mapping[str, object]:
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ConfigError(f"{name}: is not UTF-8 text") from None
    except RecursionError:
        raise ConfigError(f"{name}: is nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: is not valid TOML: {error}") from None


def _checked(name: str, document: Mapping[str, object]) -> list[tuple[tuple[str, str], object]]:
    found: list[tuple[tuple[str, str], object]] = []
    wrong: list[str] = []
    for table, content in document.items():
        if table in TABLES and isinstance(content, dict):
            wrong += [error for key, value in content.items() if (error := _mistake(name, table, key, value))]
            found += [((table, key), value) for key, value in content.items()]
        else:
            wrong.append(_unknown_table(name, table))
    if wrong:
        raise ConfigError(*wrong)
    return found


def _unknown_table(name: str, table: str) -> str:
    if table in TABLES:
        return f"{name}: {table!r} must be a table: write [{table}] on a line of its own"
    home = next((known for known, keys in TABLES.items() if table in keys), None)
    hint = f"; it belongs in the table [{home}]" if home else did_you_mean(table, TABLES)
    return f"{name}: unknown setting {table!r}{hint}"


def _mistake(name: str, table: str, key: str, value: object) -> str | None:
    """Return what is wrong with a setting; None if nothing is."""
    if key in _REFUSED:
        return f"{name}, [{table}] {key}: {_REFUSED[key]}"
    expected = TABLES[table].get(key)
    if expected is None:
        return f"{name}, [{table}]: unknown setting {key!r}{did_you_mean(key, TABLES[table])}"
    if not _FITS[expected](value):
        return f"{name}, [{table}] {key}: must be {expected}, but is {_describe(value)}"
    return None


_TYPE_NAMES: Mapping[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "a table",
}


def _describe(value: object) -> str:
    if isinstance(value, dict):
        odd = next((key for key, text in value.items() if not isinstance(text, str)), None)
        if odd is not None:
            return f"one where {odd!r} is {_describe(value[odd])}"
    return _TYPE_NAMES.get(type(value), "a date or time")


def did_you_mean(word: str, known: Mapping[str, object] | list[str] | tuple[str, ...]) -> str:
    """Return the end of a message about an unknown word: similar names or, if there are none, the known ones."""
    near = get_close_matches(word, list(known), n=3, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    names = list(known)
    return f"; use one of: {', '.join(names[:_MAX_NAMES])}{', …' if len(names) > _MAX_NAMES else ''}"
