"""The models of the simulated service, and its errors for a model that does not exist or belongs elsewhere.

The realtime models come from `bridge.protocol.models`. A few other models are listed here, for clients to confuse with
them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.protocol.models import MODELS, Model, ModelKind, ModelStatus, find_model
from bridge.simulator.errors.service_errors import SERVICE_ERRORS

if TYPE_CHECKING:
    from datetime import date

    from bridge.simulator.errors.service_errors import ServiceError

#: Models that exist but do not work with the Realtime API.
OTHER_MODELS = ("gpt-5.2", "gpt-4o", "gpt-4o-mini", "gpt-audio-1.5", "text-embedding-3-small")
_LISTED = frozenset({ModelKind.REALTIME, ModelKind.TRANSCRIPTION, ModelKind.TRANSLATION})


def offered_models(day: date) -> list[Model]:
    """Return the realtime models that are not retired on a day."""
    return [one for one in MODELS.values() if one.kind in _LISTED and one.status_on(day) is not ModelStatus.RETIRED]


def model_refusal(name: str, socket: ModelKind, day: date) -> ServiceError | None:
    """Return the error for a model that is unknown, retired, or not for this socket (recorded); None if it is valid."""
    known = find_model(name)
    missing = known.status_on(day) is ModelStatus.RETIRED if known is not None else name not in OTHER_MODELS
    if missing:
        message = f"The model `{name[:100]}` does not exist or you do not have access to it."
        return replace(SERVICE_ERRORS["model_not_found"], message=message)
    if known is None or known.kind is not socket:
        message = f'Model "{name[:100]}" is not supported in {_MODES[socket]} mode.'
        return replace(SERVICE_ERRORS["invalid_model"], message=message)
    return None


def mint_refusal(name: str, socket: ModelKind, day: date) -> ServiceError | None:
    """Return the same error for minting, except that retired realtime models can still be minted (recorded)."""
    known = find_model(name)
    if known is not None and known.kind is socket is ModelKind.REALTIME:
        return None
    return model_refusal(name, socket, day)


_MODES = {ModelKind.REALTIME: "realtime", ModelKind.TRANSLATION: "translation"}
