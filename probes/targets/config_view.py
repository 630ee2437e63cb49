"""Formats the settings for `sherpa-probe config`: each with its source, and secrets only as hints."""

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


#: Column of the values, column of the sources, and the minimum width of the latter to show both on one line.
_VALUES, _SOURCES, _ROOMY = 16, 55, 24
#: A URL's login, with the scheme before it.
_LOGIN = re.compile(r"^([^/?#]*//|)[^/?#]*@")
#: The simulator chooses a free port when it starts.
_SIMULATED, _SIMULATED_AZURE = "http://127.0.0.1:<free port>/v1", "http://127.0.0.1:<free port>/openai/v1"


def read_settings(
    flags: Flags, environment: Mapping[str, str], folder: Path, simulate: str | None = None
) -> tuple[Config, str]:
    """Return the settings, and a text that says why there is no key, if there is none.

    Raises ConfigError for any other mistake. `simulate` is the name of a scenario; URL and key are then the
    simulator's.
    """
    if simulate is not None:
        from probes.targets.simulator import simulator_config  # noqa: PLC0415 - imports the simulator

        config = read_config(flags, environment, folder, with_key=False)
        return simulator_config(config, simulate, _SIMULATED_AZURE if config.azure.value else _SIMULATED), ""
    try:
        return read_config(flags, environment, folder), ""
    except ConfigError as missing:
        return read_config(flags, environment, folder, with_key=False), str(missing)


def setting_rows(config: Config, no_key: str) -> list[tuple[str, Any, str]]:
    """Return name, value and source of every setting."""
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
    """Return a URL with its login and its query values replaced by an ellipsis, because both may be secret.

    The other commands refuse such a URL; this one shows it.
    """
    address, question, query = _LOGIN.sub(r"\1…@", url).partition("?")
    hidden = "&".join(map(_without_value, query.split("&"))) if query else ""
    return f"{hide_credentials(address)}{question}{hidden}"


def _without_value(word: str) -> str:
    """Hide the value of a query parameter; a parameter without a value may be the secret itself."""
    name, equals, _ = word.partition("=")
    return f"{name}=…" if equals else "…"


def _shown(value: object) -> Any:
    if isinstance(value, Secret):
        return value.hint
    return hide_credentials(value) if isinstance(value, str) else value


def render(found: list[tuple[str, Any, str]], width: int = 80) -> str:
    """Return the settings as text: name, value and source on one line, or the source below if `width` is too small."""
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
    """Return the settings as one JSON document."""
    document = {name: {"value": value, "source": source} for name, value, source in found}
    return format_document({"schema_version": SCHEMA_VERSION, "settings": document})
