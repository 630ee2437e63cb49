"""How a bridge refuses an upgrade."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refused:
    """How the bridge refused an upgrade."""

    status: int | None
    """The HTTP status; None if the answer was not HTTP."""
    body: str = ""
    why: str = ""

    def __str__(self) -> str:
        """Say it in words."""
        if self.status is None:
            return self.why
        body = "" if self.body.lstrip().startswith("<") else self.body[:120]  # a page for people
        return f"HTTP {self.status} {body}".rstrip()
