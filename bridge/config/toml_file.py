"""Reading `sherpa.toml`: which tables and keys it may hold, of which type, and a plain sentence for each that is wrong.

It knows nothing of precedence: `bridge.config.resolve` decides what wins. It never holds a key, only where one is kept.
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

#: The file that is read where no other one is named.
FILE_NAME = "sherpa.toml"

#: No settings file is larger; a bound keeps a device or a log file from being swallowed.
_MAX_BYTES = 256 * 1024


#: So many names fit into a line.
_NAMES_TOLD = 12


class ConfigError(Exception):
    """Wrong configuration: a line for each mistake, with its place and what to do. Commands answer it with exit code 2.

    Most readers stop at the first mistake and give one line.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines

    def __str__(self) -> str:
        return "\n".join(self.lines)


class SettingType(StrEnum):
    """What a value in the file must be; the text is how a message calls it."""

    TEXT = "a text in quotes"
    FLAG = "true or false"
    NUMBER = "a number"
    TABLE = "a table of texts"
    TEXTS = "a list of texts"


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
    "bridge": {
        "host": SettingType.TEXT,
        "port": SettingType.NUMBER,
        "allow_origin": SettingType.TEXTS,
        "allow_anonymous": SettingType.FLAG,
        "client_token_env": SettingType.TEXT,
        "max_sessions": SettingType.NUMBER,
        "sessions_per_ip": SettingType.NUMBER,
        "trusted_proxies": SettingType.TEXTS,
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
        "drain_seconds": SettingType.NUMBER,
        "log_format": SettingType.TEXT,
        "log_level": SettingType.TEXT,
    },
}

#: Keys that people write and that get an answer of their own.
_REFUSED: Mapping[str, str] = {
    "api_key": "a key does not belong in a file that is shared: name its place with api_key_env or api_key_file",
}


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What one settings file says: checked values by table and key."""

    name: str = FILE_NAME
    """As it is shown to people: the path as it was given."""
    values: Mapping[tuple[str, str], object] = field(default_factory=dict)
    path: Path | None = None
    """None where there is no file."""

    def location(self, table: str, key: str) -> str:
        """Name the place of a value for a message."""
        return f"{self.name}, [{table}] {key}"


def read_settings_file(path: Path, *, must_exist: bool) -> SettingsFile:
    """Read and check one file. A missing one is empty unless it `must_exist`. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        if must_exist:
            raise ConfigError(f"{path}: there is no such file (named by --config)") from None
        return SettingsFile()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {(error.strerror or 'unknown error').lower()}") from None
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"{path}: is larger than {_MAX_BYTES // 1024} KiB and no settings file")
    return SettingsFile(name=str(path), values=dict(_checked(str(path), _parsed(str(path), data))), path=path)


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
            wrong += [told for key, value in content.items() if (told := _misfit(name, table, key, value))]
            found += [((table, key), value) for key, value in content.items()]
        else:
            wrong.append(_no_table(name, table))
    if wrong:
        raise ConfigError(*wrong)
    return found


def _no_table(name: str, table: str) -> str:
    if table in TABLES:
        return f"{name}: {table!r} must be a table: write [{table}] on a line of its own"
    home = next((known for known, keys in TABLES.items() if table in keys), None)
    hint = f"; it belongs into the table [{home}]" if home else did_you_mean(table, TABLES)
    return f"{name}: there is no setting {table!r}{hint}"


def _misfit(name: str, table: str, key: str, value: object) -> str | None:
    """Say why a value cannot stand there; None when it can."""
    if key in _REFUSED:
        return f"{name}, [{table}] {key}: {_REFUSED[key]}"
    shape = TABLES[table].get(key)
    if shape is None:
        return f"{name}, [{table}]: there is no setting {key!r}{did_you_mean(key, TABLES[table])}"
    if not _FITS[shape](value):
        return f"{name}, [{table}] {key}: must be {shape}, and is {_kind_of(value)}"
    return None


_KINDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a table",
}


def _kind_of(value: object) -> str:
    if isinstance(value, dict):
        odd = next((key for key, text in value.items() if not isinstance(text, str)), None)
        if odd is not None:
            return f"one where {odd!r} is {_kind_of(value[odd])}"
    return _KINDS.get(type(value), "a date or time")


def did_you_mean(word: str, known: Mapping[str, object] | list[str] | tuple[str, ...]) -> str:
    """End a message about an unknown word: near names, or else what there is, as far as a line holds it."""
    near = get_close_matches(word, list(known), n=3, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    names = list(known)
    return f"; there are: {', '.join(names[:_NAMES_TOLD])}{', …' if len(names) > _NAMES_TOLD else ''}"
