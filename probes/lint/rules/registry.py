"""Every rule, by id. The rules themselves stand in the other modules of this folder, one per topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.lint.rule import Rule
from probes.lint.rules import address, closing, events, keys, libraries, models, ordering, session

if TYPE_CHECKING:
    from collections.abc import Mapping

_MODULES = (address, models, keys, session, events, ordering, closing, libraries)

#: In the order of the pages that show them: from the way in to the end.
RULES: Mapping[str, Rule] = {
    value.id: value for module in _MODULES for value in vars(module).values() if isinstance(value, Rule)
}
