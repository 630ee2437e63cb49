"""A setting's value with its place, the mistakes that are collected on the way, and tokens that a setting names."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.config.api_key import key_from_environment
from bridge.config.toml_file import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reports.redaction import Secret

#: Shorter tokens can be guessed.
_MIN_TOKEN_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """A value and where it was set, for error messages."""

    value: Any
    source: str


class ConfigErrors:
    """The errors so far, to be reported at once."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Collect a ConfigError of the block, and continue after it."""
        try:
            yield
        except ConfigError as error:
            self._lines += error.lines

    def raise_all(self) -> None:
        """Raise one ConfigError with all errors, if there are any."""
        if self._lines:
            raise ConfigError(*self._lines)


def client_token(named: SourcedValue, environment: Mapping[str, str]) -> Secret | None:
    """Read a token, such as that of the clients, from the environment variable that is named. Raises ConfigError."""
    if named.value is None:
        return None
    found = key_from_environment(named.value, environment)
    if found is None:
        raise ConfigError(f"the environment variable {named.value} (named by {named.source}) is not set")
    if len(found.secret.reveal()) < _MIN_TOKEN_CHARACTERS:
        raise ConfigError(
            f"the token in {named.value} has fewer than {_MIN_TOKEN_CHARACTERS} characters. Make one with:"
            " openssl rand -hex 32"
        )
    return found.secret
