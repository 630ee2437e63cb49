"""A secret that hides itself: keys and tokens travel in this, and only `reveal()` shows one.

Stdlib only. It is no encryption: it keeps keys out of output, logs, reports and tracebacks by construction.
"""

from __future__ import annotations

import hmac

#: Shown in place of what must not be seen.
_HIDDEN = "…"


class Secret:
    """A key or token. Its text form is a hint such as `sk-…w3Qd`; the value comes out of `reveal()` only."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the value itself, for the header or file that needs it and for nothing else."""
        return self._value

    @property
    def hint(self) -> str:
        """Enough to tell two keys apart (kind and last four), and never more than a fifth of a key."""
        kind, dash, rest = self._value.partition("-")
        if not dash or len(kind) > 4:  # noqa: PLR2004 - `sk`, `ek`, `sess`: a longer word is part of the secret
            kind, dash, rest = "", "", self._value
        enough_to_hide = 20
        return f"{kind}{dash}{_HIDDEN}{rest[-4:] if len(rest) >= enough_to_hide else ''}"

    def hide(self, text: str) -> str:
        """Replace the secret by its hint wherever it stands in `text`."""
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
        raise TypeError("a Secret is not pickled: reveal() it where it is needed")
