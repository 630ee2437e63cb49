"""Every invariant works: it finds a bridge with the matching defect within a few seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.core.spending.caps import Caps
from bridge.simulation.disruptions import FAULT_KINDS
from bridge.simulation.invariants import INVARIANTS
from bridge.simulation.plan import draw_plan
from bridge.simulation.runner import Defect, simulate
from tests.simulation import defects

if TYPE_CHECKING:
    from collections.abc import Iterable

_DROPS = ("drop", "close", "reset")
_ROWS = [
    ("loses speech", defects.with_link(defects.LosesAudio), _DROPS, "speech_is_accounted_for"),
    ("doubles speech", defects.with_link(defects.DuplicatesAudio), (), "speech_is_accounted_for"),
    ("swaps speech", defects.with_link(defects.ReordersAudio), (), "speech_is_accounted_for"),
    ("hurts speech", defects.with_link(defects.TruncatesAudio), (), "speech_is_accounted_for"),
    ("sends too early", defects.with_link(defects.SendsBeforeReady), (), "nothing_is_sent_before_ready"),
    ("floods with errors", defects.unthrottled_errors, ("storm",), "errors_are_throttled"),
    ("is silent about ends", defects.silent_about_ends, ("refusal",), "final_errors_are_delivered"),
    ("goes back a generation", defects.old_generation, (), "generations_only_grow"),
    ("forwards late", defects.with_link(defects.ForwardsLateEvents), _DROPS, "events_are_complete_and_in_order"),
    ("forwards twice", defects.forwards_twice, (), "events_are_complete_and_in_order"),
    ("closes an upstream late", defects.with_link(defects.ClosesLate), ("expiry",), "one_upstream_at_a_time"),
    ("keeps an upstream", defects.with_link(defects.NeverCloses), ("leave",), "nothing_leaks"),
    ("leaves a lost answer open", defects.lost_answers_never_end, _DROPS, "responses_end"),
    ("announces items again", defects.restored_items_are_announced_again, _DROPS, "items_are_announced_once"),
    ("leaves fields out", defects.bare_messages, (), "messages_are_complete"),
    ("never gets ready", defects.with_connector(defects.HangingConnector), (), "clients_recover"),
    ("ignores caps", defects.ignores_caps, (), "caps_hold"),
    ("raises", defects.with_connector(defects.RaisingConnector), (), "bridge_raises_no_exceptions"),
]


#: Promises that only an SDK is given.
_FOR_SDKS = ("responses_end", "items_are_announced_once")
#: Promises about what a simple plan has not.
_NOT_SIMPLE = (*_FOR_SDKS, "caps_hold")


def _seeds(invariant: str) -> Iterable[int]:
    """Forty seeds; for a promise that only an SDK is given, forty with an SDK, and for caps forty with a cap."""
    if invariant == "caps_hold":
        return [seed for seed in range(400) if draw_plan(seed, ()).caps != Caps()][:40]
    if invariant not in _FOR_SDKS:
        return range(40)
    return [seed for seed in range(400) if draw_plan(seed, _DROPS).calls[0].native][:40]


@pytest.mark.parametrize(("defect", "kinds", "invariant"), [row[1:] for row in _ROWS], ids=[row[0] for row in _ROWS])
def test_every_defect_is_found_by_its_invariant(defect: Defect, kinds: tuple[str, ...], invariant: str) -> None:
    for seed in _seeds(invariant):
        outcome = simulate(draw_plan(seed, kinds, simple=invariant not in _NOT_SIMPLE), defect=defect)
        if any(f": {invariant}: " in fault for fault in outcome.violations):
            return
    pytest.fail(f"{invariant} holds for 40 seeds of a bridge that breaks it")


def test_a_bridge_message_at_the_native_endpoint_is_found() -> None:
    plans = (plan for seed in range(100) if (plan := draw_plan(seed, ())).calls[0].native)
    outcome = simulate(next(plans), defect=defects.bridge_words_to_native)
    assert any(
        "messages_are_complete: an SDK knows no event of type session_ready" in one for one in outcome.violations
    )


def test_sdks_and_the_beta_dialect_change_nothing_else_in_a_plan() -> None:
    plans = [draw_plan(seed) for seed in range(200)]
    assert {(call.native, call.beta) for plan in plans for call in plan.calls} == {
        (native, beta) for native in (False, True) for beta in (False, True)
    }
    for plan in plans:
        plain = draw_plan(plan.seed, simple=True)
        assert not plain.beta
        assert [call.faults for call in plan.calls] == [call.faults for call in plain.calls]
        assert all(call in plain.calls for call in plan.calls if not call.native and not call.beta)


def test_every_invariant_has_its_defect() -> None:
    assert {row[3] for row in _ROWS} == {check.__name__ for check in INVARIANTS}


def test_faults_are_drawn_only_where_they_are_allowed() -> None:
    assert {kind for seed in range(200) for kind in draw_plan(seed).fault_kinds} == set(FAULT_KINDS)
    assert {kind for seed in range(50) for kind in draw_plan(seed, ("drop", "stall")).fault_kinds} == {"drop", "stall"}
    assert not draw_plan(3, ()).fault_kinds
