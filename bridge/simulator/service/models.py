"""Which models the simulated service has, and what it says of one that is asked for in the wrong place.

The realtime models are those of `bridge.protocol.models`; a few others stand here, to be mistaken for one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.protocol.models import MODELS, Model, ModelKind, ModelStatus, find_model
from bridge.simulator.errors.service_errors import SERVICE_ERRORS

if TYPE_CHECKING:
    from datetime import date

    from bridge.simulator.session.behaviour import ServiceError

#: Models of other addresses: they exist, and no realtime socket takes them.
OTHER_MODELS = ("gpt-5.2", "gpt-4o", "gpt-4o-mini", "gpt-audio-1.5", "text-embedding-3-small")
_LISTED = frozenset({ModelKind.REALTIME, ModelKind.TRANSCRIPTION, ModelKind.TRANSLATION})


def offered_models(day: date) -> list[Model]:
    """Give the realtime models that can be had on a day."""
    return [one for one in MODELS.values() if one.kind in _LISTED and one.status_on(day) is not ModelStatus.RETIRED]


def model_refusal(name: str, socket: ModelKind, day: date) -> ServiceError | None:
    """Refuse a model at a socket: one that is not there, or no longer, and one that belongs elsewhere (recorded)."""
    known = find_model(name)
    gone = known.status_on(day) is ModelStatus.RETIRED if known is not None else name not in OTHER_MODELS
    if gone:
        message = f"The model `{name[:100]}` does not exist or you do not have access to it."
        return replace(SERVICE_ERRORS["model_not_found"], message=message)
    if known is None or known.kind is not socket:
        message = f'Model "{name[:100]}" is not supported in {_MODES[socket]} mode.'
        return replace(SERVICE_ERRORS["invalid_model"], message=message)
    return None


def mint_refusal(name: str, socket: ModelKind, day: date) -> ServiceError | None:
    """Refuse a model while minting, as the socket does; removed realtime models still mint (recorded)."""
    known = find_model(name)
    if known is not None and known.kind is socket is ModelKind.REALTIME:
        return None
    return model_refusal(name, socket, day)


_MODES = {ModelKind.REALTIME: "realtime", ModelKind.TRANSLATION: "translation"}
