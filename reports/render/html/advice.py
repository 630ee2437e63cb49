"""Splits a fix into prose, commands that can be copied, and links.

Fixes are sentences with commands after a colon or on lines of their own. The page puts each command on its own line
with a copy button.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reports.render.html.wording import paragraphs

if TYPE_CHECKING:
    from collections.abc import Iterator

#: First words of commands. Words that also start sentences, such as `make`, are left out.
_COMMANDS = (
    "az", "curl", "dig", "docker", "gh", "kubectl", "npm", "npx", "nslookup", "openssl", "pip", "pipx", "pytest",
    "python", "python3", "systemctl", "ulimit",
)  # fmt: skip
_COMMAND = re.compile(
    rf"(?:^\s*(?:\$ )?|(?<=: ))((?:sherpa-[a-z]+|export \w+=\S+|{'|'.join(_COMMANDS)})(?= |$)[^;]*?)\s*(?=;|$)"
)
_ADDRESS = re.compile(r"https://[^\s<>\"'`,;()\[\]{}]*[^\s<>\"'`,;()\[\]{}.:!?]")
#: Characters left over between a sentence and its command.
_SEAM = " ;"


class PieceKind(StrEnum):
    """The kind of a piece."""

    TEXT = "text"
    COMMAND = "command"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class AdvicePiece:
    """A piece of a line."""

    part: PieceKind
    text: str


#: A line: a single command, or prose with links.
AdviceLine = tuple[AdvicePiece, ...]


def split_advice(text: str, limit: int) -> tuple[AdviceLine, ...]:
    """Split a fix into lines, with commands on lines of their own."""
    return tuple(line for paragraph in paragraphs(text, limit) for line in _lines(paragraph))


def split_prose(text: str, limit: int) -> tuple[AdviceLine, ...]:
    """Split a text without commands into lines."""
    return tuple(tuple(_addresses(paragraph)) for paragraph in paragraphs(text, limit))


def _lines(paragraph: str) -> Iterator[AdviceLine]:
    position = 0
    for match in _COMMAND.finditer(paragraph):
        if prose_before := paragraph[position : match.start(1)].removesuffix("$ ").strip(_SEAM):
            yield tuple(_addresses(prose_before))
        yield (AdvicePiece(PieceKind.COMMAND, match[1]),)
        position = match.end(1)
    if prose_after := paragraph[position:].strip(_SEAM):
        yield tuple(_addresses(prose_after))


def _addresses(text: str) -> Iterator[AdvicePiece]:
    position = 0
    for match in _ADDRESS.finditer(text):
        if prose_before := text[position : match.start()]:
            yield AdvicePiece(PieceKind.TEXT, prose_before)
        yield AdvicePiece(PieceKind.ADDRESS, match[0])
        position = match.end()
    if prose_after := text[position:]:
        yield AdvicePiece(PieceKind.TEXT, prose_after)
