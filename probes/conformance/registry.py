"""All groups of cases, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.conformance.cases import (  # noqa: F401 - those with two words add to a group
    a_handshake,
    a_options,
    b_attempts,
    b_readiness,
    c_order,
    d_attempts,
    e_errors,
    f_recovery,
    f_recovery_limits,
    g_age,
    h_turns,
    i_limits,
    j_leaks,
    k_dialects,
    l_fallback,
    m_native,
    m_native_faults,
)

if TYPE_CHECKING:
    from probes.conformance.case import Case, Group

GROUPS: tuple[Group, ...] = (
    a_handshake.GROUP,
    b_readiness.GROUP,
    c_order.GROUP,
    d_attempts.GROUP,
    e_errors.GROUP,
    f_recovery.GROUP,
    g_age.GROUP,
    h_turns.GROUP,
    i_limits.GROUP,
    j_leaks.GROUP,
    k_dialects.GROUP,
    l_fallback.GROUP,
    m_native.GROUP,
)
CASES: tuple[Case, ...] = tuple(case for group in GROUPS for case in sorted(group.cases, key=lambda case: case.id))
