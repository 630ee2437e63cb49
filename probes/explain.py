"""What a status, close code, error code or finding means, what causes it, and how to mend it. Needs no network."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from bridge.protocol.refusals import CLOSE_CODES, ERROR_CODES, STATUSES, Where, every_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.protocol.refusals import Refusal

_PLACES = {
    Where.REST: "REST status {}",
    Where.HANDSHAKE: "status {} in place of the WebSocket upgrade",
    Where.AZURE_HANDSHAKE: "status {} in place of Azure's WebSocket upgrade",
    Where.SDP: "status {} of the SDP exchange",
}
#: Finding codes begin with the probe that made them.
_PROBES = ("ACCESS-",)


@dataclass(frozen=True, slots=True)
class Meaning:
    """One way to read a code: where it was seen, and what it means there."""

    seen_as: tuple[str, ...]
    refusal: Refusal


def explain(code: str) -> list[Meaning]:
    """Give every meaning of a code, in the order of how likely it is meant; empty when nobody knows it."""
    found: dict[str, Refusal] = {}
    for refusal in _matching(code.strip()):
        found.setdefault(refusal.slug, refusal)
    return [Meaning(tuple(_seen_as(refusal)), refusal) for refusal in found.values()]


def near(code: str) -> str | None:
    """Give the known code that looks most like this one."""
    known = [*ERROR_CODES, *(refusal.slug for refusal in every_refusal()), *map(str, CLOSE_CODES)]
    close = get_close_matches(code, known, n=1) or get_close_matches(code.upper(), known, n=1)
    return close[0] if close else None


def _matching(code: str) -> Iterator[Refusal]:
    if code.isdecimal():
        number = int(code)
        if number in CLOSE_CODES:
            yield CLOSE_CODES[number]
        yield from (refusal for (_, status), refusal in STATUSES.items() if status == number)
        return
    if code in ERROR_CODES:
        yield ERROR_CODES[code]
    slug = next((code.upper().removeprefix(probe) for probe in _PROBES if code.upper().startswith(probe)), code.upper())
    yield from (refusal for refusal in every_refusal() if refusal.slug == slug)


def _seen_as(refusal: Refusal) -> Iterator[str]:
    """Say where this cause shows itself."""
    yield from (f"error code {code}" for code, known in ERROR_CODES.items() if known is refusal)
    yield from (f"close code {code}" for code, known in CLOSE_CODES.items() if known is refusal)
    yield from (_PLACES[where].format(status) for (where, status), known in STATUSES.items() if known is refusal)


def render(code: str, meanings: list[Meaning], width: int = 80) -> str:
    """Write the meanings for people."""
    blocks = [f"{code} has {len(meanings)} meanings, by where it was seen:"] if len(meanings) > 1 else []
    for meaning in meanings:
        refusal = meaning.refusal
        retry = "yes, the same attempt can succeed later" if refusal.retryable else "no, not as it is"
        rows = [
            ("seen", "; ".join(meaning.seen_as)),
            ("cause", refusal.cause),
            ("next", refusal.fix),
            ("retry", retry),
            ("known", refusal.source),
        ]
        lines = [f"{refusal.slug}  {refusal.title}", *(_row(label, text, width) for label, text in rows if text)]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _row(label: str, text: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent=f"  {label:7}", subsequent_indent=" " * 9, break_long_words=False)
