"""The settings as `sherpa-probe config` shows them: each with its source, secrets as hints. It reads nothing itself."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from bridge.config.resolve import ConfigError, Setting, read_config
from reports.redaction import Secret, hide_credentials
from reports.render.json import SCHEMA_VERSION, format_document
from reports.render.terminal_text import wrap

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bridge.config.resolve import Config, Flags


#: Where the columns of values and of sources end and begin, on a page that is wide enough for both.
_VALUES, _SOURCES, _ROOMY = 16, 55, 24
#: What stands before the host of an address.
_LOGIN = re.compile(r"^([^/?#]*//|)[^/?#]*@")
#: The simulator takes a free port when it starts.
_SIMULATED, _SIMULATED_AZURE = "http://127.0.0.1:<free port>/v1", "http://127.0.0.1:<free port>/openai/v1"


def read_settings(
    flags: Flags, environment: Mapping[str, str], folder: Path, simulate: str | None = None
) -> tuple[Config, str]:
    """Read the settings, and why there is no key where there is none. Raises ConfigError for anything else wrong.

    `simulate` is the name of a scenario: then address and key are the simulator's.
    """
    if simulate is not None:
        from probes.targets.simulator import simulator_config  # noqa: PLC0415 - costs the simulator

        config = read_config(flags, environment, folder, with_key=False)
        return simulator_config(config, simulate, _SIMULATED_AZURE if config.azure.value else _SIMULATED), ""
    try:
        return read_config(flags, environment, folder), ""
    except ConfigError as missing:
        return read_config(flags, environment, folder, with_key=False), str(missing)


def setting_rows(config: Config, no_key: str) -> list[tuple[str, Any, str]]:
    """Give name, value and source of every setting."""
    found: list[tuple[str, Any, str]] = []
    for field in fields(config):
        setting = getattr(config, field.name)
        if isinstance(setting, Setting):
            value = dict(config.redacted_headers()) if field.name == "headers" else _shown(setting.value)
            value = redact_url(config.base_url.value) if field.name == "base_url" else value
            source = no_key.partition(";")[0] if field.name == "api_key" and no_key else setting.source
            found.append((field.name, value, source))
    return found


def redact_url(url: str) -> str:
    """Give an address without what may be secret in it: a login before the host, and the values of its query.

    An address that holds these is refused by everything that goes there; here it is shown all the same.
    """
    address, question, query = _LOGIN.sub(r"\1…@", url).partition("?")
    hidden = "&".join(map(_without_value, query.split("&"))) if query else ""
    return f"{hide_credentials(address)}{question}{hidden}"


def _without_value(word: str) -> str:
    """Hide the value of a query's word; one that has none may be the secret itself."""
    name, equals, _ = word.partition("=")
    return f"{name}=…" if equals else "…"


def _shown(value: object) -> Any:
    if isinstance(value, Secret):
        return value.hint
    return hide_credentials(value) if isinstance(value, str) else value


def render(found: list[tuple[str, Any, str]], width: int = 80) -> str:
    """Write the settings for people: name, value and source side by side, or the source below where it is narrow."""
    lines: list[str] = []
    for name, value, source in found:
        lead = f"  {name:13} {_plain(value)}"
        if width - _SOURCES >= _ROOMY and len(lead) < _SOURCES:
            lines += wrap(source, width, f"{lead:{_SOURCES}}", " " * _SOURCES)
        else:
            lines += [
                *wrap(_plain(value), width, f"  {name:13} ", " " * _VALUES),
                *wrap(source, width, " " * _VALUES),
            ]
    return "\n".join(lines) + "\n"


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {text}" for name, text in value.items()) or "-"
    return "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def as_json(found: list[tuple[str, Any, str]]) -> str:
    """Write them for machines."""
    document = {name: {"value": value, "source": source} for name, value, source in found}
    return format_document({"schema_version": SCHEMA_VERSION, "settings": document})
