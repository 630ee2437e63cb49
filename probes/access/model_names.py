"""Models by their names alone: where each is used, which one was meant, and which to recommend first.

Pure. The catalogue is asked first; a name that it lacks is read, for services get new models before this does.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from bridge.protocol.models import MODELS, ModelKind, ModelStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Names whose likeness to a mistyped one differs by no more than this are equally near.
_EQUALLY_NEAR = 0.06
#: What a name holds that the catalogue lacks, and where such a model is used; the first line that fits counts.
_BY_WORD: tuple[tuple[str, ModelKind], ...] = (
    ("whisper", ModelKind.TRANSCRIPTION),
    ("transcri", ModelKind.TRANSCRIPTION),
    ("translate", ModelKind.TRANSLATION),
    ("realtime", ModelKind.REALTIME),
    ("gpt-live", ModelKind.LIVE),
)


def socket_of(name: str) -> ModelKind:
    """Say where a model of this name is used: as the catalogue knows, or else as its name sounds."""
    known = MODELS.get(name)
    if known is not None:
        return known.kind
    return next((socket for word, socket in _BY_WORD if word in name.lower()), ModelKind.NONE)


def is_realtime(name: str) -> bool:
    """Say whether it holds conversations."""
    return socket_of(name) is ModelKind.REALTIME


def best_first(names: Iterable[str]) -> tuple[str, ...]:
    """Order models as one would recommend them: the catalogue's order, current ones first, strangers next."""
    known = list(MODELS)
    return tuple(sorted(names, key=lambda name: (_age(name), known.index(name) if name in MODELS else 0, name)))


def _age(name: str) -> int:
    model = MODELS.get(name)
    return 1 if model is None else 0 if model.status is ModelStatus.CURRENT else 2


def closest_name(name: str, among: Sequence[str]) -> str:
    """Guess which one was meant; of equally near ones the best. `among` is not empty and stands best first."""
    like = {one: SequenceMatcher(None, name.strip().casefold(), one.casefold()).ratio() for one in among}
    return next(one for one in among if like[one] >= max(like.values()) - _EQUALLY_NEAR)
