"""All groups of cases, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.conformance.cases import a_handshake, b_readiness, c_order

if TYPE_CHECKING:
    from probes.conformance.case import Case, Group

GROUPS: tuple[Group, ...] = (a_handshake.GROUP, b_readiness.GROUP, c_order.GROUP)
CASES: tuple[Case, ...] = tuple(case for group in GROUPS for case in sorted(group.cases, key=lambda case: case.id))
