"""The configuration of a command: one frozen value, read once, that knows where each of its settings came from.

The command line takes precedence over the environment, that over `sherpa.toml`, and that over the default.
*Where the key is* (which variable, which file) is a setting like any other. So a project's `sherpa.toml` that names
another variable applies even if `OPENAI_API_KEY` is set, and a key is never sent to a server that it is not meant for.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from bridge.config.api_key import FoundKey, key_from_environment, key_from_file, looks_like_key
from bridge.config.toml_file import FILE_NAME, ConfigError, SettingsFile, did_you_mean, read_settings_file
from bridge.protocol.models import DEFAULT_MODEL
from reports.redaction import Secret, hide_credentials, looks_like_credential

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Config", "ConfigError", "DialectChoice", "Flags", "MissingKeyError", "Setting", "read_config"]

T = TypeVar("T")

DEFAULT_BASE_URL = "https://api.openai.com/v1"
DEFAULT_KEY_VARIABLE = "OPENAI_API_KEY"

#: A longer time-out is a mistake, such as milliseconds in place of seconds.
_MAX_TIMEOUT_SECONDS = 3600.0

#: Headers whose values are shown. The value of any other header may be a credential and is hidden.
_SHOWN_HEADERS = frozenset(
    {
        "accept",
        "accept-language",
        "openai-beta",
        "openai-organization",
        "openai-project",
        "origin",
        "referer",
        "traceparent",
        "user-agent",
        "x-app",
        "x-client-request-id",
        "x-correlation-id",
        "x-environment",
        "x-request-id",
        "x-team",
    }
)
#: Hidden headers to redact wherever they occur: those whose name says so, or whose value doesn't look like a word.
_SENSITIVE = re.compile(r"auth|cookie|key|token|secret|pass|pwd|credential|signature|subscription", re.IGNORECASE)
_NOT_A_WORD = re.compile(r"(?=.*[0-9])\S{12,}")
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class MissingKeyError(ConfigError):
    """No key is set. `variable` is where one was expected."""

    def __init__(self, message: str, variable: str) -> None:
        super().__init__(message)
        self.variable = variable


class DialectChoice(StrEnum):
    """The dialect to use. AUTO requests the current one (GA) and then uses the one that the server answers in."""

    AUTO = "auto"
    GA = "ga"
    BETA = "beta"


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """A value and its source: an option, an environment variable, a key of the settings file, or `default`."""

    value: T
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """The options of the command line; None for those not given."""

    base_url: str | None = None
    api_key_env: str | None = None
    api_key_file: str | None = None
    organization: str | None = None
    project: str | None = None
    azure: bool | None = None
    dialect: str | None = None
    model: str | None = None
    timeout: float | None = None
    config: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings of a command and of its target, each with its source."""

    base_url: Setting[str]
    api_key: Setting[Secret | None]
    organization: Setting[str | None]
    project: Setting[str | None]
    azure: Setting[bool]
    dialect: Setting[DialectChoice]
    model: Setting[str]
    headers: Setting[tuple[tuple[str, str], ...]]
    """Extra request headers, for REST requests and for the WebSocket handshake."""
    timeout: Setting[float]
    """Seconds to wait for each answer."""
    warnings: tuple[str, ...] = ()
    """What was tolerated and should be fixed, as text for people."""

    def secrets(self) -> tuple[Secret, ...]:
        """Return everything that must be redacted wherever it occurs: the key, and headers that carry credentials."""
        hidden = [Secret(value) for name, value in self.headers.value if _is_credential(name, value)]
        return (self.api_key.value, *hidden) if self.api_key.value is not None else tuple(hidden)

    def redacted_headers(self) -> tuple[tuple[str, str], ...]:
        """Return the extra headers for output: a hint in place of every value that may be a credential."""
        return tuple(
            (name, hide_credentials(value) if name.lower() in _SHOWN_HEADERS else Secret(value).hint)
            for name, value in self.headers.value
        )


def _is_credential(name: str, value: str) -> bool:
    """Return whether to redact the value in all output. Redacting a mere word would garble the output."""
    if name.lower() in _SHOWN_HEADERS:
        return looks_like_credential(value)
    return bool(_SENSITIVE.search(name) or _NOT_A_WORD.fullmatch(value)) or looks_like_credential(value)


@dataclass(frozen=True, slots=True)
class _Sources:
    flags: Flags
    environment: Mapping[str, str]
    file: SettingsFile

    def text(self, key: str, variable: str | None, default: str) -> Setting[str]:
        """Return the setting from the first of command line, environment, file and default that has it."""
        found = self.optional(key, variable)
        return Setting(default, "default") if found.value is None else Setting(found.value, found.source)

    def optional(self, key: str, variable: str | None = None) -> Setting[str | None]:
        flag = cast("str | None", getattr(self.flags, key))
        if flag is not None:
            return Setting(_not_empty(flag, option_name(key)), option_name(key))
        if variable and self.environment.get(variable, "").strip():
            return Setting(self.environment[variable].strip(), variable)
        return self.in_file("upstream", key)

    def in_file(self, table: str, key: str) -> Setting[str | None]:
        if (table, key) not in self.file.values:
            return Setting(None, "default")
        place = self.file.location(table, key)
        return Setting(_not_empty(cast("str", self.file.values[table, key]), place), place)


def option_name(key: str) -> str:
    """Return the option that sets a key: `--base-url` for `base_url`."""
    return f"--{key.replace('_', '-')}"


def read_config(flags: Flags, environment: Mapping[str, str], folder: Path, *, with_key: bool = True) -> Config:
    """Read the configuration. `folder` is where to look for `sherpa.toml`, unless `--config` names a file.

    `with_key=False` doesn't read the key: the simulator needs none, and must run even if the key is broken.

    Raises ConfigError for a setting that is wrong, and for a missing key.
    """
    named = flags.config is not None
    file = read_settings_file(flags.config or folder / FILE_NAME, must_exist=named)
    sources = _Sources(flags, environment, file if named or file.path is None else _with_short_name(file))
    config = Config(
        base_url=sources.text("base_url", "OPENAI_BASE_URL", DEFAULT_BASE_URL),
        api_key=Setting(None, "not needed"),
        organization=_header_safe(sources.optional("organization", "OPENAI_ORG_ID")),
        project=_header_safe(sources.optional("project", "OPENAI_PROJECT_ID")),
        azure=_azure(sources),
        dialect=_dialect(sources.text("dialect", None, DialectChoice.AUTO)),
        model=sources.text("model", None, DEFAULT_MODEL),
        headers=_headers(sources.file),
        timeout=_timeout(sources),
    )
    if not with_key:
        return config
    key, warnings = _key(sources)
    return replace(config, api_key=key, warnings=warnings)


def _with_short_name(file: SettingsFile) -> SettingsFile:
    return SettingsFile(FILE_NAME, file.values, file.path)


def _key(sources: _Sources) -> tuple[Setting[Secret | None], tuple[str, ...]]:
    variable, path = sources.optional("api_key_env"), sources.optional("api_key_file")
    if variable.value is not None and path.value is not None:
        by_flag = [s for s in (variable, path) if s.source.startswith("--")]
        if len(by_flag) != 1:
            raise ConfigError(f"the key is named twice, by {variable.source} and by {path.source}: keep one of them")
        nothing: Setting[str | None] = Setting(None, "")
        variable, path = (variable, nothing) if by_flag[0] is variable else (nothing, path)
    if path.value is not None:
        if looks_like_key(path.value, sources.environment) and not Path(path.value).exists():
            raise ConfigError(f"{path.source} takes a file name, but was given what looks like the key itself")
        found_in_file = key_from_file(_key_file_path(path.value, path.source, sources.file))
        return _with_source(found_in_file, path.value, path.source)
    name, source = variable.value or DEFAULT_KEY_VARIABLE, variable.source
    if looks_like_key(name, sources.environment):
        raise ConfigError(
            f"{source} takes the name of a variable, but was given what looks like the key itself:"
            f" write the name without a dollar sign, such as {DEFAULT_KEY_VARIABLE}"
        )
    found = key_from_environment(name, sources.environment)
    if found is None:
        named_by = f" (named by {source})" if variable.value else ""
        raise MissingKeyError(
            f"no key: the environment variable {name} is not set{named_by};"
            " export it, name another with --api-key-env NAME or a file with --api-key-file FILE,"
            " or run without a key: --simulate",
            name,
        )
    return _with_source(found, name, source)


def _with_source(found: FoundKey, name: str, source: str) -> tuple[Setting[Secret | None], tuple[str, ...]]:
    shown = name if source == "default" else f"{name}, named by {source}"
    return Setting(found.secret, shown), found.warnings


def _key_file_path(name: str, source: str, file: SettingsFile) -> Path:
    """Resolve the path of a key file. In a settings file, it is relative to that file, not to the working directory."""
    in_file = file.path is not None and not source.startswith("--")
    return (file.path.parent if in_file and file.path else Path()) / Path(name).expanduser()


def _azure(sources: _Sources) -> Setting[bool]:
    if sources.flags.azure is not None:
        return Setting(sources.flags.azure, "--azure")
    value = sources.file.values.get(("upstream", "azure"))
    return (
        Setting(False, "default") if value is None else Setting(bool(value), sources.file.location("upstream", "azure"))
    )


def _dialect(setting: Setting[str]) -> Setting[DialectChoice]:
    try:
        return Setting(DialectChoice(setting.value.lower()), setting.source)
    except ValueError:
        hint = did_you_mean(setting.value, [str(choice) for choice in DialectChoice])
        if looks_like_credential(setting.value):
            raise ConfigError(f"{setting.source} takes auto, ga or beta, but was given what looks like a key") from None
        raise ConfigError(f"{setting.source}: unknown dialect {setting.value!r}{hint}") from None


def _timeout(sources: _Sources) -> Setting[float]:
    default, place = 10.0, sources.file.location("probe", "timeout")
    in_file = cast("float | None", sources.file.values.get(("probe", "timeout")))
    found = Setting(default, "default") if in_file is None else Setting(float(in_file), place)
    if sources.flags.timeout is not None:
        found = Setting(sources.flags.timeout, "--timeout")
    if not math.isfinite(found.value) or not 0 < found.value <= _MAX_TIMEOUT_SECONDS:
        raise ConfigError(f"{found.source}: must be more than 0 and at most {_MAX_TIMEOUT_SECONDS:.0f} seconds")
    return found


def _headers(file: SettingsFile) -> Setting[tuple[tuple[str, str], ...]]:
    raw = cast("Mapping[str, str] | None", file.values.get(("upstream", "headers")))
    if raw is None:
        return Setting((), "default")
    place = f"{file.name}, [upstream.headers]"
    for name, value in raw.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ConfigError(f"{place}: {name!r} is not a valid header name")
        if not _sendable(value):
            raise ConfigError(f"{place}: the value of {name} has a line break or a character that a header can't have")
    return Setting(tuple((name, value.strip()) for name, value in raw.items()), place)


def _header_safe(setting: Setting[str | None]) -> Setting[str | None]:
    if setting.value is not None and not _sendable(setting.value):
        raise ConfigError(f"{setting.source}: has a line break or a character that a header can't have")
    return setting


def _sendable(value: str) -> bool:
    return value.isascii() and value.isprintable()


def _not_empty(value: str, place: str) -> str:
    if not value.strip():
        raise ConfigError(f"{place}: is empty")
    return value.strip()
