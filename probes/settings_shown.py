"""The settings as `sherpa-probe config` shows them: each with its source, secrets as hints. It reads nothing itself."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.config import ConfigError, Setting, read_config
from bridge.secret import Secret, hide_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bridge.config import Config, Flags


def settings(flags: Flags, environment: Mapping[str, str], folder: Path) -> tuple[Config, str]:
    """Read the settings, and why there is no key where there is none. Raises ConfigError for anything else wrong."""
    try:
        return read_config(flags, environment, folder), ""
    except ConfigError as missing:
        return read_config(flags, environment, folder, with_key=False), str(missing)


def rows(config: Config, no_key: str) -> list[tuple[str, Any, str]]:
    """Give name, value and source of every setting."""
    found: list[tuple[str, Any, str]] = []
    for field in fields(config):
        setting = getattr(config, field.name)
        if isinstance(setting, Setting):
            value = dict(config.shown_headers()) if field.name == "headers" else _shown(setting.value)
            source = no_key.partition(";")[0] if field.name == "api_key" and no_key else setting.source
            found.append((field.name, value, source))
    return found


def _shown(value: object) -> Any:
    if isinstance(value, Secret):
        return value.hint
    return hide_credentials(value) if isinstance(value, str) else value


def render(found: list[tuple[str, Any, str]]) -> str:
    """Write the settings for people."""
    return "\n".join(f"  {name:13} {_plain(value):38} {source}".rstrip() for name, value, source in found)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {text}" for name, text in value.items()) or "-"
    return "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def as_json(found: list[tuple[str, Any, str]]) -> str:
    """Write them for machines."""
    document = {name: {"value": value, "source": source} for name, value, source in found}
    return msgspec.json.encode({"settings": document}).decode()
