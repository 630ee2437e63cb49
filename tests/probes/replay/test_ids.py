from __future__ import annotations

from probes.replay.ids import IdMap

RECORDED = [
    {
        "type": "response.output_item.added",
        "response_id": "resp_old",
        "item": {"id": "item_old", "call_id": "call_old"},
    },
    {"type": "response.output_item.added", "response_id": "resp_old2", "item": {"id": "item_old2"}},
]


def test_a_recorded_id_becomes_that_of_the_same_event_now() -> None:
    ids = IdMap(RECORDED)
    ids.learn(
        {"type": "response.output_item.added", "response_id": "resp_1", "item": {"id": "item_1", "call_id": "call_1"}}
    )
    ids.learn({"type": "response.output_item.added", "response_id": "resp_2", "item": {"id": "item_2"}})
    output = {"type": "function_call_output", "call_id": "call_old", "output": "item_old"}
    assert ids.translated({"type": "conversation.item.create", "item": output, "previous_item_id": "item_old2"}) == {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": "call_1", "output": "item_old"},
        "previous_item_id": "item_2",
    }


def test_an_id_that_the_client_made_stays() -> None:
    assert IdMap(RECORDED).translated({"item": {"id": "mine"}}) == {"item": {"id": "mine"}}


def test_events_beyond_the_recording_teach_nothing() -> None:
    ids = IdMap([])
    ids.learn({"type": "x", "item_id": "item_1"})
    assert ids.translated({"item_id": "item_old"}) == {"item_id": "item_old"}
