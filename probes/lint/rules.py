"""Every rule, by id. The rules themselves stand in `rules_*.py`, by what they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.lint import (
    rules_address,
    rules_ends,
    rules_events,
    rules_keys,
    rules_libraries,
    rules_models,
    rules_order,
    rules_session,
)
from probes.lint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

_MODULES = (
    rules_address,
    rules_models,
    rules_keys,
    rules_session,
    rules_events,
    rules_order,
    rules_ends,
    rules_libraries,
)

#: In the order of the pages that show them: from the way in to the end.
RULES: Mapping[str, Rule] = {
    value.id: value for module in _MODULES for value in vars(module).values() if isinstance(value, Rule)
}
