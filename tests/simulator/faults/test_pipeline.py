"""What goes over the wire, in which order and when."""

from __future__ import annotations

import json

from bridge.simulator.faults.pipeline import CONNECT, MOMENTS, CloseFrame, Drop, Freeze, Text, Timed, Wire
from bridge.simulator.faults.wire_faults import CloseAt, DropAt, HalfOpen, Latency
from bridge.simulator.session.state import Close, Send


def sending(*names: str) -> list[Send]:
    return [Send(name, {"type": name}) for name in names]


def acts(wire: Wire, now: float = 1_000.0) -> list[str]:
    return [act.type if isinstance(act, Text) else type(act).__name__ for act in wire.due(now)]


def test_without_faults_everything_goes_out_at_once_and_in_order() -> None:
    wire = Wire((), seed=1)
    wire.begin(0)
    assert wire.next_due is None
    wire.outgoing([*sending("a", "b"), Close(1000, "bye")], 2.0)
    assert wire.next_due == 2.0
    assert list(wire.due(1.9)) == []
    first, second, third = wire.due(2.0)
    assert isinstance(first, Text)
    assert json.loads(first.data) == {"type": "a"}
    assert isinstance(second, Text)
    assert third == CloseFrame(1000, "bye")
    assert wire.next_due is None


def test_a_fault_at_the_connect_acts_before_anything_is_sent() -> None:
    wire = Wire([DropAt(CONNECT)], seed=1)
    wire.begin(0)
    wire.outgoing(sending("session.created"), 0.005)
    assert acts(wire) == ["Drop", "session.created"]


def test_a_fault_at_an_event_of_the_server_acts_right_behind_it() -> None:
    wire = Wire([HalfOpen("ready")], seed=1)
    wire.outgoing(sending("session.created", "session.updated", "response.created"), 1)
    assert acts(wire) == ["session.created", "session.updated", "Freeze", "response.created"]


def test_a_fault_at_an_event_of_the_client_acts_behind_what_is_answered() -> None:
    wire = Wire([CloseAt("commit")], seed=1)
    wire.incoming("input_audio_buffer.append", 1)
    wire.outgoing(sending("input_audio_buffer.committed"), 2)
    wire.incoming("input_audio_buffer.commit", 2)
    assert acts(wire) == ["input_audio_buffer.committed", "CloseFrame"]


def test_frames_without_a_type_are_no_moment() -> None:
    wire = Wire([DropAt(moment, nth=0) for moment in MOMENTS], seed=1)
    wire.incoming(None, 1)
    wire.outgoing(sending("error"), 1)
    assert acts(wire) == ["error"]


def test_faults_compose_in_their_order() -> None:
    late_drop = Wire([DropAt("ready"), Latency(100)], seed=1)
    late_drop.outgoing(sending("session.updated"), 1)
    assert list(late_drop.due(1.05)) == []
    assert acts(late_drop, 1.1) == ["session.updated", "Drop"]
    prompt_close = Wire([Latency(100), CloseAt("append")], seed=1)
    prompt_close.outgoing(sending("session.updated"), 1)
    prompt_close.incoming("input_audio_buffer.append", 1)
    assert prompt_close.next_due == 1.1
    assert acts(prompt_close) == ["session.updated", "CloseFrame"]


def test_a_fault_can_be_added_to_a_running_session() -> None:
    wire = Wire((), seed=1)
    wire.outgoing(sending("response.done"), 1)
    wire.add([DropAt("done")])
    wire.outgoing(sending("response.done"), 2)
    assert acts(wire) == ["response.done", "response.done", "Drop"]


def test_an_act_can_be_put_before_all_that_waits() -> None:
    wire = Wire([Latency(5_000)], seed=1)
    wire.outgoing(sending("a"), 1)
    wire.put(Timed(1, Freeze()))
    assert list(wire.due(1)) == [Freeze()]
    assert wire.next_due == 6


def test_one_fault_serves_many_connections_and_counts_in_each() -> None:
    fault = DropAt("append", nth=2)
    wires = [Wire([fault], seed=1) for _ in range(2)]
    for wire in wires:
        wire.incoming("input_audio_buffer.append", 1)
    assert [list(wire.due(9)) for wire in wires] == [[], []]
    for wire in wires:
        wire.incoming("input_audio_buffer.append", 2)
    assert [list(wire.due(9)) for wire in wires] == [[Drop()], [Drop()]]
