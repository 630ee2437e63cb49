"""What a connection sends, in which order and when, with and without faults."""

from __future__ import annotations

import json

from bridge.simulator.faults.actions import CONNECT_MOMENT, MOMENTS, CloseFrame, Drop, Freeze, TextFrame, TimedAction
from bridge.simulator.faults.pipeline import FaultPipeline
from bridge.simulator.faults.wire_faults import CloseFault, DropFault, HalfOpenFault, LatencyFault
from bridge.simulator.session.state import ServerClose, ServerEvent


def sending(*names: str) -> list[ServerEvent]:
    return [ServerEvent(name, {"type": name}) for name in names]


def actions(pipeline: FaultPipeline, now: float = 1_000.0) -> list[str]:
    return [action.type if isinstance(action, TextFrame) else type(action).__name__ for action in pipeline.pop_due(now)]


def test_without_faults_everything_goes_out_at_once_and_in_order() -> None:
    pipeline = FaultPipeline((), seed=1)
    pipeline.on_connect(0)
    assert pipeline.next_due_at is None
    pipeline.send([*sending("a", "b"), ServerClose(1000, "bye")], 2.0)
    assert pipeline.next_due_at == 2.0
    assert list(pipeline.pop_due(1.9)) == []
    first, second, third = pipeline.pop_due(2.0)
    assert isinstance(first, TextFrame)
    assert json.loads(first.data) == {"type": "a"}
    assert isinstance(second, TextFrame)
    assert third == CloseFrame(1000, "bye")
    assert pipeline.next_due_at is None


def test_a_fault_at_the_connect_acts_before_anything_is_sent() -> None:
    pipeline = FaultPipeline([DropFault(CONNECT_MOMENT)], seed=1)
    pipeline.on_connect(0)
    pipeline.send(sending("session.created"), 0.005)
    assert actions(pipeline) == ["Drop", "session.created"]


def test_a_fault_at_an_event_of_the_server_acts_right_after_it() -> None:
    pipeline = FaultPipeline([HalfOpenFault("ready")], seed=1)
    pipeline.send(sending("session.created", "session.updated", "response.created"), 1)
    assert actions(pipeline) == ["session.created", "session.updated", "Freeze", "response.created"]


def test_a_fault_at_an_event_of_the_client_acts_after_the_answer() -> None:
    pipeline = FaultPipeline([CloseFault("commit")], seed=1)
    pipeline.on_client_event("input_audio_buffer.append", 1)
    pipeline.send(sending("input_audio_buffer.committed"), 2)
    pipeline.on_client_event("input_audio_buffer.commit", 2)
    assert actions(pipeline) == ["input_audio_buffer.committed", "CloseFrame"]


def test_frames_without_a_type_are_not_a_moment() -> None:
    pipeline = FaultPipeline([DropFault(moment, nth=0) for moment in MOMENTS], seed=1)
    pipeline.on_client_event(None, 1)
    pipeline.send(sending("error"), 1)
    assert actions(pipeline) == ["error"]


def test_faults_compose_in_their_order() -> None:
    late_drop = FaultPipeline([DropFault("ready"), LatencyFault(100)], seed=1)
    late_drop.send(sending("session.updated"), 1)
    assert list(late_drop.pop_due(1.05)) == []
    assert actions(late_drop, 1.1) == ["session.updated", "Drop"]
    prompt_close = FaultPipeline([LatencyFault(100), CloseFault("append")], seed=1)
    prompt_close.send(sending("session.updated"), 1)
    prompt_close.on_client_event("input_audio_buffer.append", 1)
    assert prompt_close.next_due_at == 1.1
    assert actions(prompt_close) == ["session.updated", "CloseFrame"]


def test_a_fault_can_be_added_to_a_running_session() -> None:
    pipeline = FaultPipeline((), seed=1)
    pipeline.send(sending("response.done"), 1)
    pipeline.add_faults([DropFault("done")])
    pipeline.send(sending("response.done"), 2)
    assert actions(pipeline) == ["response.done", "response.done", "Drop"]


def test_an_action_can_be_put_before_all_that_is_queued() -> None:
    pipeline = FaultPipeline([LatencyFault(5_000)], seed=1)
    pipeline.send(sending("a"), 1)
    pipeline.send_first(TimedAction(1, Freeze()))
    assert list(pipeline.pop_due(1)) == [Freeze()]
    assert pipeline.next_due_at == 6


def test_one_fault_serves_many_connections_and_counts_in_each() -> None:
    fault = DropFault("append", nth=2)
    pipelines = [FaultPipeline([fault], seed=1) for _ in range(2)]
    for pipeline in pipelines:
        pipeline.on_client_event("input_audio_buffer.append", 1)
    assert [list(pipeline.pop_due(9)) for pipeline in pipelines] == [[], []]
    for pipeline in pipelines:
        pipeline.on_client_event("input_audio_buffer.append", 2)
    assert [list(pipeline.pop_due(9)) for pipeline in pipelines] == [[Drop()], [Drop()]]
