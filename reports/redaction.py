"""Redaction: `Secret` wraps keys and tokens so that only `reveal()` shows one, and `hide_credentials` finds the others.

This is not encryption. It keeps keys out of output, logs, reports and tracebacks. `hide_credentials` is for secrets
that are not known in advance (a server's own, a key typed in the wrong place); it goes by what they look like. Standard
library only.
"""

from __future__ import annotations

import hmac
import re

#: Stands for the hidden part.
_HIDDEN = "…"

#: Text that looks random: it has a digit, a capital after a small letter, or great length.
_RANDOM = r"(?=(?-i:[^\s\"'<>,;&…]*?(?:[0-9]|[a-z][A-Z])|[^\s\"'<>,;&…]{24}))"
#: What credentials look like; the named group that matched is what gets hidden. Ids (`sess_…`, `req_…`) are none.
_SHAPES = re.compile(
    rf"""
      (?<![A-Za-z0-9])(?P<key>(?:sk|ek|rk|pk|gsk|hf|ghp)[-_][A-Za-z0-9_\-]{{8,}}|(?:sess|xai)-[A-Za-z0-9_\-]{{8,}})
    | (?<![A-Za-z0-9])(?P<google>AIza[A-Za-z0-9_\-]{{16,}})
    | (?<![A-Za-z0-9])(?P<jwt>eyJ[A-Za-z0-9_\-]{{8,}}(?:\.[A-Za-z0-9_\-]*){{0,4}})
    | (?<![A-Za-z0-9])(?:Bearer|Basic)(?:\s+|%20|\+){_RANDOM}(?P<token>[^\s"'<>,;&…]{{8,}})
    | openai-insecure-api-key\.(?P<subprotocol>[^\s"'<>,;&…]{{4,}})
    | (?:api[-_]?key|token|secret|password|authorization)\\?["']?\s*[:=]\s*\\?["']?(?!Bearer|Basic){_RANDOM}
      (?P<named>[^\s"'<>,;&…\\]{{8,}})
    """,
    re.IGNORECASE | re.VERBOSE,
)


class Secret:
    """A key or token, which can't be pickled. Its text form is a hint such as `sk-…w3Qd`, not the value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the header or file that needs it and for nothing else."""
        return self._value

    @property
    def hint(self) -> str:
        """The prefix and the last four characters: enough to tell two keys apart, and at most a fifth of a key."""
        kind, dash, rest = self._value.partition("-")
        if not dash or len(kind) > 4:  # noqa: PLR2004 - `sk`, `ek`, `sess`: a longer word is part of the secret
            kind, dash, rest = "", "", self._value
        enough_to_hide = 20
        return f"{kind}{dash}{_HIDDEN}{rest[-4:] if len(rest) >= enough_to_hide else ''}"

    def hide(self, text: str) -> str:
        """Return the text with the secret replaced by its hint."""
        return text.replace(self._value, self.hint) if self._value else text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return f"Secret({self.hint})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret can't be pickled; call reveal() where the value is needed")


def hide_credentials(text: str) -> str:
    """Return the text with a hint in place of everything that looks like a credential: keys, bearer tokens, JWTs."""
    return _SHAPES.sub(_hinted, text)


def looks_like_credential(text: str) -> bool:
    """Return whether the text contains something that looks like a credential."""
    return _SHAPES.search(text) is not None


def _hinted(match: re.Match[str]) -> str:
    kind = match.lastgroup or 0
    start, end = match.start(kind) - match.start(), match.end(kind) - match.start()
    text = match.group()
    return f"{text[:start]}{Secret(match[kind]).hint}{text[end:]}"
