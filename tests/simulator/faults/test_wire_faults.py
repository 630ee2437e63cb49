"""Faults on the wire: each does what it says, when it says it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bridge.simulator.faults.actions import CloseFrame, Drop, Freeze, RawBytes, Reset, TextFrame
from bridge.simulator.faults.wire_faults import (
    BandwidthFault,
    CloseFault,
    DropFault,
    DuplicateFault,
    GarbageFault,
    HalfOpenFault,
    InvalidUtf8Fault,
    LatencyFault,
    ResetFault,
    StallFault,
    TruncateFault,
)
from tests.simulator.session_harness import SimulatorHarness

if TYPE_CHECKING:
    from bridge.simulator.faults.actions import WireAction
    from bridge.simulator.faults.base import Fault


def played(*faults: Fault, seed: int = 1) -> list[tuple[float, WireAction]]:
    """Run a session with one spoken response."""
    harness = SimulatorHarness(faults=faults, seed=seed)
    harness.send("session.update", session={"type": "realtime"})
    harness.send("response.create")
    harness.run_until_idle()
    return harness.take_actions()


HEALTHY = played()


def names(actions: list[tuple[float, WireAction]]) -> list[str]:
    return [action.type if isinstance(action, TextFrame) else type(action).__name__ for _, action in actions]


@pytest.mark.parametrize(
    ("fault", "action"),
    [
        (CloseFault(code=4000, reason="over"), CloseFrame(4000, "over")),
        (DropFault(), Drop()),
        (ResetFault(), Reset()),
        (HalfOpenFault(), Freeze()),
        (GarbageFault(), TextFrame("garbage", b"<html>502 Bad Gateway</html>")),
        (InvalidUtf8Fault(), RawBytes(b"\x81\x04\xc3\x28\xff\xfe")),
    ],
)
def test_a_fault_at_a_moment_acts_once_right_after_it(fault: Fault, action: WireAction) -> None:
    actions = played(fault)
    at = names(actions).index("session.updated")
    assert actions[at + 1] == (actions[at][0], action)
    assert [entry for entry in actions if entry[1] != action] == HEALTHY


def test_a_fault_acts_at_the_nth_moment_or_at_each() -> None:
    fifth = names(played(DropFault("audio", nth=5)))
    assert fifth[: fifth.index("Drop")].count("response.output_audio.delta") == 5
    assert fifth.count("Drop") == 1
    each = names(played(GarbageFault("audio", nth=0)))
    assert each.count("garbage") == each.count("response.output_audio.delta") > 5


def test_the_broken_frame_is_a_text_frame_but_not_utf_8() -> None:
    ((_, action),) = [entry for entry in played(InvalidUtf8Fault()) if isinstance(entry[1], RawBytes)]
    assert isinstance(action, RawBytes)
    assert (action.data[0], action.data[1], len(action.data)) == (0x81, 4, 6)
    with pytest.raises(UnicodeDecodeError):
        action.data[2:].decode()


def test_latency_delays_everything_by_the_same() -> None:
    actions = played(LatencyFault(180))
    assert [action for _, action in actions] == [action for _, action in HEALTHY]
    assert [at for at, _ in actions] == pytest.approx([at + 0.18 for at, _ in HEALTHY])


def test_jitter_stays_within_its_bounds_and_keeps_the_order() -> None:
    actions = played(LatencyFault(100, jitter=60))
    waits = [late - at for (late, _), (at, _) in zip(actions, HEALTHY, strict=True)]
    assert names(actions) == names(HEALTHY)
    assert all(0.04 <= wait <= 0.1601 for wait in waits)
    assert max(waits) - min(waits) > 0.05
    assert [at for at, _ in actions] == sorted(at for at, _ in actions)


def test_jitter_beyond_the_latency_never_sends_early() -> None:
    assert all(late >= at for (late, _), (at, _) in zip(played(LatencyFault(1, 100)), HEALTHY, strict=True))


def test_low_bandwidth_delays_every_byte() -> None:
    actions = played(BandwidthFault(1_000))
    sizes = [len(action.data) for _, action in actions if isinstance(action, TextFrame)]
    assert actions[-1][0] == pytest.approx(HEALTHY[0][0] + sum(sizes) / 1_000, rel=0.01)
    assert actions[0][0] == pytest.approx(HEALTHY[0][0] + sizes[0] / 1_000)


def test_high_bandwidth_delays_almost_nothing() -> None:
    waits = [late - at for (late, _), (at, _) in zip(played(BandwidthFault(1e9)), HEALTHY, strict=True)]
    assert 0 < max(waits) < 0.001


def test_a_stall_holds_everything_back_from_its_moment_on_for_its_duration() -> None:
    actions = played(StallFault("audio", seconds=2, nth=3))
    begun = [
        at for at, action in HEALTHY if isinstance(action, TextFrame) and action.type == "response.output_audio.delta"
    ][2]
    held = [(at, action) for at, action in HEALTHY if begun <= at < begun + 2]
    assert names(actions) == names(HEALTHY)
    assert [late for late, action in actions if (late, action) not in HEALTHY] == [pytest.approx(begun + 2)] * len(held)


def test_a_stall_can_begin_at_an_event_of_the_client() -> None:
    harness = SimulatorHarness(faults=[StallFault("create", seconds=3)])
    asked = harness.now
    harness.send("response.create")
    harness.wait(1)
    held = [at for at, _ in harness.take_actions()[1:]]
    assert held == [pytest.approx(asked + 3)] * len(held)
    assert len(held) > 5


def test_a_rate_of_one_affects_every_frame_and_a_rate_of_zero_none() -> None:
    assert played(DuplicateFault(1)) == [entry for entry in HEALTHY for _ in range(2)]
    assert played(DuplicateFault(0)) == played(TruncateFault(0)) == HEALTHY
    assert set(names(played(TruncateFault(1)))) == {"truncated"}


def test_a_cut_frame_is_the_first_half_and_not_json() -> None:
    for (_, whole), (_, cut) in zip(HEALTHY, played(TruncateFault(1)), strict=True):
        assert isinstance(whole, TextFrame)
        assert isinstance(cut, TextFrame)
        assert cut.data == whole.data[: len(whole.data) // 2]
        with pytest.raises(json.JSONDecodeError):
            json.loads(cut.data)


@pytest.mark.parametrize("fault", [DuplicateFault(0.3), TruncateFault(0.3), LatencyFault(100, 50)])
def test_random_faults_repeat_with_the_same_seed_only(fault: Fault) -> None:
    def plan(seed: int) -> list[tuple[float, str]]:
        actions = played(fault, seed=seed)
        return [(at, name) for (at, _), name in zip(actions, names(actions), strict=True)]

    assert plan(7) == plan(7) != plan(8)


def test_two_faults_of_a_kind_are_independent() -> None:
    one, two = played(DuplicateFault(0.5)), played(DuplicateFault(0.5), DuplicateFault(0.5))
    counts = {two.count(entry) for entry in HEALTHY}
    assert {one.count(entry) for entry in HEALTHY} == {1, 2}
    assert 3 in counts
