"""The API key: read from an environment variable or a file, and checked for what can't be a key.

No network here: a key that passes may still be refused. Messages show neither the key nor a part of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.config.toml_file import ConfigError
from reports.redaction import Secret, looks_like_credential

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: No key file is larger: OAuth tokens take a few kilobytes, API keys much less.
_MAX_BYTES = 16 * 1024
#: A shorter value is a word, not a key.
_SHORTEST_KEY = 8

#: What is often found in place of a key, and what messages call it.
_PLACEHOLDERS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), what)
    for pattern, what in (
        (r"\$\{?\w+\}?|%\w+%|\{\{.*\}\}", "an unreplaced variable"),
        (r"\[object \w+\]", "a JavaScript object converted to text"),
        (r"\{.*\}?|\[\s*[\"{].*", "the JSON answer of a secret store, not the key inside it"),
        (r"undefined|null|none|nil|nan", "a missing value converted to text"),
        (r"(sk|ek|sess)?-?(proj-)?(\.{2,}|x{3,}|\*{3,}|0{6,})\S*", "an example key"),
        (r"<.*>", "an example key"),
        (r"(sk-|ek-)?(your|my|insert|replace|add|put|enter)[-_ ]?\S*[-_ ]?(key|token|secret)\S*", "an example key"),
        (r"change[-_ ]?me|replace[-_ ]?me|todo|placeholder|secret|password", "an example key"),
        (r"(op|vault|arn|projects|secret|keyvault|ref|file|env)(://|:|/)\S*", "a reference to a secret store"),
    )
)

#: How a warning ends about characters around the key that only this toolkit removes.
REMOVED_HERE = "which is removed here; other programs send it"
_PADDING: Mapping[str, str] = {" ": "a blank", "\n": "a line break", "\r": "a carriage return", "\t": "a tab"}

_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Z_][A-Z0-9_]*)\s*=\s*[^=\s]")
_QUOTES = "\"'`\u201c\u201d\u2018\u2019"


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key that can be sent, and warnings about it."""

    secret: Secret
    warnings: tuple[str, ...] = ()


def keys_in_environment(environment: Mapping[str, str]) -> tuple[Secret, ...]:
    """Return the values of all variables whose names say that they are secret, so that no output shows them."""
    return tuple(Secret(value.strip()) for name, value in environment.items() if _names_key(name) and value.strip())


def looks_like_key(name: str, environment: Mapping[str, str]) -> bool:
    """Return whether a key was given instead of the name of the variable or file that has it.

    Such a value has the shape of a key, or is the value of a variable that holds one.
    `--api-key-env "$OPENAI_API_KEY"` is the usual cause: the shell inserts the value.
    """
    if looks_like_credential(name):
        return True
    return len(name) >= _SHORTEST_KEY and Secret(name) in keys_in_environment(environment)


def _names_key(variable: str) -> bool:
    """Return whether a variable of this name holds a secret. The values of others, such as HOME, may be file names."""
    return variable.upper().endswith(("KEY", "TOKEN", "SECRET", "PASSWORD"))


def key_from_environment(name: str, environment: Mapping[str, str]) -> FoundKey | None:
    """Return the key in an environment variable; None if it is not set or blank. Raises ConfigError.

    Warns of whitespace around the key: unlike the line break at the end of a file, programs don't expect it there.
    """
    value, origin = environment.get(name, ""), f"the environment variable {name}"
    if not value.strip():
        return None
    found = clean_key(value, origin)
    ends = (("starts", value[0]), ("ends", value[-1]))
    padded = [
        f"{origin} {side} with {_PADDING.get(c, 'whitespace')}, {REMOVED_HERE}" for side, c in ends if c.isspace()
    ]
    return FoundKey(found.secret, (*padded, *found.warnings))


def key_from_file(path: Path) -> FoundKey:
    """Return the key in a file that contains nothing else. Raises ConfigError."""
    origin = f"the key file {path}"
    try:
        with path.expanduser().open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{origin} does not exist") from None
    except IsADirectoryError:
        raise ConfigError(f"{origin} is a directory") from None
    except PermissionError:
        raise ConfigError(f"{origin} is not readable: check its permissions") from None
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{origin} can't be read: {reason.lower()}") from None
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"{origin} is larger than {_MAX_BYTES // 1024} KiB, which no API key is")
    return clean_key(_text(data, origin), origin)


def _text(data: bytes, origin: str) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ConfigError(f"{origin} is UTF-16: save it as UTF-8 or plain ASCII")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{origin} is not text") from None


def clean_key(raw: str, origin: str) -> FoundKey:
    """Return the key in `raw`, checked and without surrounding whitespace. Messages call its place `origin`.

    Raises ConfigError if it can't be sent as a key.
    """
    text = raw.removeprefix("\ufeff").strip()
    warnings = [f"{origin} starts with a byte order mark, {REMOVED_HERE}"] if raw.startswith("\ufeff") else []
    if defect := _defect(text):
        raise ConfigError(f"{origin} {defect}")
    if what := placeholder_kind(text):
        warnings.append(f"{origin} looks like {what}, not like a key")
    return FoundKey(Secret(text), tuple(warnings))


def placeholder_kind(text: str) -> str | None:
    """Return what kind of placeholder the text is; None if it may be a key."""
    return next((what for pattern, what in _PLACEHOLDERS if pattern.fullmatch(text)), None)


def _defect(text: str) -> str | None:
    """Return why the text can't be sent as a key; None if it can."""
    if not text:
        return "is empty"
    if match := _ASSIGNMENT.match(text):
        return f"contains {match[1]}=...: keep only the part after the ="
    if len(text.splitlines()) > 1:
        return "has several lines: it must contain the key alone"
    odd = next(((at, c) for at, c in enumerate(text, 1) if not c.isascii() or not (c.isprintable() or c == " ")), None)
    if text[0] in _QUOTES and text[-1] in _QUOTES:
        return "has quotes around the key: remove them"
    if odd:
        return f"contains a character that no key has (U+{ord(odd[1]):04X} at position {odd[0]}): copy the key again"
    if placeholder_kind(text):
        return None
    if text.lower().startswith("bearer "):
        return "starts with the word Bearer: keep only the key after it"
    return "has whitespace in the key: copy it again" if any(c.isspace() for c in text) else None
