"""Facts about models from their names alone: where a model is used, and which known name a typo is closest to.

Pure functions. The catalogue decides if it has the name; otherwise the name itself does, because services release
models before the catalogue lists them.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from bridge.protocol.models import MODELS, ModelKind, ModelStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Names whose similarity to a misspelled one differs by no more than this count as equally similar.
_SAME_SIMILARITY = 0.06
#: Parts of names that aren't in the catalogue, and where such a model is used. The first match wins.
_SOCKET_BY_WORD: tuple[tuple[str, ModelKind], ...] = (
    ("whisper", ModelKind.TRANSCRIPTION),
    ("transcri", ModelKind.TRANSCRIPTION),
    ("translate", ModelKind.TRANSLATION),
    ("realtime", ModelKind.REALTIME),
    ("gpt-live", ModelKind.LIVE),
)


def socket_of(name: str) -> ModelKind:
    """Return which kind of session uses this model, by the catalogue or else by parts of its name."""
    known = MODELS.get(name)
    if known is not None:
        return known.kind
    return next((socket for word, socket in _SOCKET_BY_WORD if word in name.lower()), ModelKind.NONE)


def is_realtime(name: str) -> bool:
    """Whether this model is used in realtime conversations."""
    return socket_of(name) is ModelKind.REALTIME


def best_first(names: Iterable[str]) -> tuple[str, ...]:
    """Sort models best first: current ones in the catalogue's order, then unknown ones, then deprecated ones."""
    known = list(MODELS)
    return tuple(sorted(names, key=lambda name: (_age(name), known.index(name) if name in MODELS else 0, name)))


def _age(name: str) -> int:
    model = MODELS.get(name)
    return 1 if model is None else 0 if model.status is ModelStatus.CURRENT else 2


def closest_name(name: str, among: Sequence[str]) -> str:
    """Return the most similar name; of equally similar ones the first. `among` is not empty and sorted best first."""
    similarity = {one: SequenceMatcher(None, name.strip().casefold(), one.casefold()).ratio() for one in among}
    return next(one for one in among if similarity[one] >= max(similarity.values()) - _SAME_SIMILARITY)
