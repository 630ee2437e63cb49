"""All rules by id. The other modules of this folder define them, one module per topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.lint.rule import Rule
from probes.lint.rules import (
    address,
    closing,
    errors,
    events,
    handshake,
    keys,
    libraries,
    models,
    ordering,
    responses,
    session,
    sockets,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_MODULES = (handshake, address, models, keys, session, events, responses, errors, ordering, closing, sockets, libraries)

#: From connecting to closing, as in the documentation.
RULES: Mapping[str, Rule] = {
    value.id: value for module in _MODULES for value in vars(module).values() if isinstance(value, Rule)
}
