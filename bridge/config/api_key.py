"""Where an API key is kept, and whether what stands there can be one: an environment variable or a file.

No network here: a key that passes may still be refused. Messages never show the key, nor a part of it.
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

#: Longest file that is still read as a key: OAuth tokens reach some kilobytes, keys stay far below.
_MAX_BYTES = 16 * 1024
#: Shorter ones are words.
_SHORTEST_KEY = 8

#: What stands where a key should because nobody put one in, and how a message calls it.
_PLACEHOLDERS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), what)
    for pattern, what in (
        (r"\$\{?\w+\}?|%\w+%|\{\{.*\}\}", "a variable that nothing replaced"),
        (r"\[object \w+\]", "a JavaScript object turned into text"),
        (r"\{.*\}?|\[\s*[\"{].*", "JSON: a secret store's answer instead of the key inside it"),
        (r"undefined|null|none|nil|nan", "a missing value turned into text"),
        (r"(sk|ek|sess)?-?(proj-)?(\.{2,}|x{3,}|\*{3,}|0{6,})\S*", "an example key"),
        (r"<.*>", "an example key"),
        (r"(sk-|ek-)?(your|my|insert|replace|add|put|enter)[-_ ]?\S*[-_ ]?(key|token|secret)\S*", "an example key"),
        (r"change[-_ ]?me|replace[-_ ]?me|todo|placeholder|secret|password", "an example key"),
        (r"(op|vault|arn|projects|secret|keyvault|ref|file|env)(://|:|/)\S*", "a reference to a secret store"),
    )
)

_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Z_][A-Z0-9_]*)\s*=\s*[^=\s]")
_QUOTES = "\"'`\u201c\u201d\u2018\u2019"


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key that could be sent, and what is worth a warning about it."""

    secret: Secret
    warnings: tuple[str, ...] = ()


def keys_in_environment(environment: Mapping[str, str]) -> tuple[Secret, ...]:
    """Give all values that variables hold whose names say that they hold a key, for whoever must not show them."""
    return tuple(Secret(value.strip()) for name, value in environment.items() if _names_key(name) and value.strip())


def looks_like_key(name: str, environment: Mapping[str, str]) -> bool:
    """Say whether a key was given where its place is to be named: by its look, or because a variable has that value.

    `--api-key-env "$OPENAI_API_KEY"` is how it happens: the shell puts the value there.
    """
    if looks_like_credential(name):
        return True
    return len(name) >= _SHORTEST_KEY and Secret(name) in keys_in_environment(environment)


def _names_key(variable: str) -> bool:
    """Say whether a variable of this name holds a key; other values, such as HOME, may well be names of files."""
    return variable.upper().endswith(("KEY", "TOKEN", "SECRET", "PASSWORD"))


def key_from_environment(name: str, environment: Mapping[str, str]) -> FoundKey | None:
    """Read the key out of a variable; None where it is not set or blank. Raises ConfigError."""
    value = environment.get(name, "")
    return clean_key(value, f"the environment variable {name}") if value.strip() else None


def key_from_file(path: Path) -> FoundKey:
    """Read the key out of a file that holds it alone. Raises ConfigError."""
    origin = f"the key file {path}"
    try:
        with path.expanduser().open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{origin} does not exist") from None
    except IsADirectoryError:
        raise ConfigError(f"{origin} is a directory") from None
    except PermissionError:
        raise ConfigError(f"{origin} may not be read by this user: check its permissions") from None
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{origin} cannot be read: {reason.lower()}") from None
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"{origin} is larger than {_MAX_BYTES // 1024} KiB and holds no key")
    return clean_key(_text(data, origin), origin)


def _text(data: bytes, origin: str) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ConfigError(f"{origin} is UTF-16: save it as UTF-8 or plain ASCII")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{origin} is not text") from None


def clean_key(raw: str, origin: str) -> FoundKey:
    """Check what stands at `origin` and take surrounding white space off. Raises ConfigError where it can't be sent."""
    text = raw.removeprefix("\ufeff").strip()
    warnings = [f"{origin} starts with a byte order mark; it was left out"] if raw.startswith("\ufeff") else []
    if fault := _fault(text):
        raise ConfigError(f"{origin} {fault}")
    if what := placeholder_kind(text):
        warnings.append(f"{origin} looks like {what}, not like a key")
    return FoundKey(Secret(text), tuple(warnings))


def placeholder_kind(text: str) -> str | None:
    """Say what kind of placeholder the text is, or None where it may be a key."""
    return next((what for pattern, what in _PLACEHOLDERS if pattern.fullmatch(text)), None)


def _fault(text: str) -> str | None:
    """Say why the text can't be sent as a key; None where it can."""
    if not text:
        return "is empty"
    if match := _ASSIGNMENT.match(text):
        return f"holds a line {match[1]}=...: keep only what stands behind the ="
    if len(text.splitlines()) > 1:
        return "holds several lines: it must hold the key alone"
    odd = next(((at, c) for at, c in enumerate(text, 1) if not c.isascii() or not (c.isprintable() or c == " ")), None)
    if text[0] in _QUOTES and text[-1] in _QUOTES:
        return "has quotes around the key: remove them"
    if odd:
        return f"holds a character that no key has (U+{ord(odd[1]):04X} at place {odd[0]}): copy the key again"
    if placeholder_kind(text):
        return None
    if text.lower().startswith("bearer "):
        return "starts with the word Bearer: keep only the key behind it"
    return "has white space inside the key: copy it again" if any(c.isspace() for c in text) else None
