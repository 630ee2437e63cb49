"""Typed turns through the official SDK: sessions, text, responses out of band, items."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

from openai import AsyncOpenAI
from openai.types.realtime import (
    ConversationItemAdded,
    ConversationItemDeletedEvent,
    RateLimitsUpdatedEvent,
    RealtimeErrorEvent,
    ResponseCreatedEvent,
    ResponseDoneEvent,
    ResponseTextDeltaEvent,
    ResponseTextDoneEvent,
    SessionCreatedEvent,
    SessionUpdatedEvent,
)
from openai.types.realtime.realtime_server_event import ConversationItemRetrieved

from bridge.protocol.models import DEFAULT_MODEL
from bridge.simulator.embedded import simulator_in_thread
from tests.simulator.sdk_client import (
    GA_EVENTS,
    SDK_DEPRECATION_FILTER,
    TIMEOUT_SECONDS,
    close_on_timeout,
    connect_sdk,
    parse_losses,
    sdk_client,
)

if TYPE_CHECKING:
    import pydantic
    from openai.resources.realtime.realtime import RealtimeConnection

    from bridge.simulator.embedded import RunningSimulator

pytestmark = SDK_DEPRECATION_FILTER

#: The recorded order of a typed turn, a run of equal types as one.
TEXT_TURN = [
    "session.created",
    "session.updated",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]


def type_in(connection: RealtimeConnection, text: str) -> None:
    connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    )


def ask(connection: RealtimeConnection, text: str) -> None:
    connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
    type_in(connection, text)
    connection.response.create()


def test_a_text_turn_comes_in_the_recorded_order(realtime_simulator: RunningSimulator) -> None:
    with connect_sdk(realtime_simulator) as sdk:
        ask(sdk.connection, "How are you?")
        done = sdk.until(ResponseDoneEvent)
        sdk.until(RateLimitsUpdatedEvent)

    assert sdk.steps == TEXT_TURN
    assert done.response.status == "completed"
    whole = sdk.of(ResponseTextDoneEvent)[0].text
    assert whole == "".join(event.delta for event in sdk.of(ResponseTextDeltaEvent))
    assert "How are you?" in whole


def test_usage_is_counted_and_the_answer_stands_in_response_done(realtime_simulator: RunningSimulator) -> None:
    with connect_sdk(realtime_simulator) as sdk:
        ask(sdk.connection, "How are you?")
        response = sdk.until(ResponseDoneEvent).response

    assert response.usage is not None
    spent = (response.usage.input_tokens or 0) + (response.usage.output_tokens or 0)
    assert 0 < spent == response.usage.total_tokens
    message = cast("Any", (response.output or [])[0])
    assert [(part.type, part.text) for part in message.content] == [
        ("output_text", sdk.of(ResponseTextDoneEvent)[0].text)
    ]


def test_a_minted_secret_opens_the_session_that_it_was_minted_for(realtime_simulator: RunningSimulator) -> None:
    with sdk_client(realtime_simulator) as client:
        minted = client.realtime.client_secrets.create(
            session={"type": "realtime", "model": DEFAULT_MODEL, "instructions": "Answer in Latin."}
        )
    with connect_sdk(realtime_simulator, key=minted.value) as sdk:
        created = cast("Any", sdk.until(SessionCreatedEvent).session)

    assert minted.value.startswith("ek_")
    assert cast("Any", minted.session).instructions == created.instructions == "Answer in Latin."
    assert created.model == DEFAULT_MODEL


def test_events_queued_before_the_socket_opens_are_answered_after_session_created(
    realtime_simulator: RunningSimulator,
) -> None:
    with sdk_client(realtime_simulator) as client:
        manager = client.realtime.connect(model=DEFAULT_MODEL)
        manager.send({"type": "session.update", "session": {"type": "realtime", "instructions": "Be brief."}})
        with manager as connection, close_on_timeout(connection):
            first, second = connection.recv(), connection.recv()

    assert [first.type, second.type] == ["session.created", "session.updated"]
    assert cast("Any", second).session.instructions == "Be brief."


def test_a_response_out_of_band_runs_beside_the_active_one_and_belongs_to_no_conversation(
    realtime_simulator: RunningSimulator,
) -> None:
    with connect_sdk(realtime_simulator) as sdk:
        ask(sdk.connection, "Tell me a story.")
        sdk.until(ResponseCreatedEvent)
        part: Any = {"type": "input_text", "text": "Is this a story?"}
        message: Any = {"type": "message", "role": "user", "content": [part]}
        sdk.connection.response.create(
            response={"conversation": "none", "metadata": {"topic": "check"}, "input": [message]}
        )
        done = [sdk.until(ResponseDoneEvent).response, sdk.until(ResponseDoneEvent).response]

    beside = next(response for response in done if response.metadata == {"topic": "check"})
    inside = next(response for response in done if response.metadata is None)
    assert beside.conversation_id is None
    assert inside.conversation_id is not None
    assert [response.status for response in done] == ["completed", "completed"]
    items = [event.item for event in sdk.of(ConversationItemAdded)]
    assert [cast("Any", item).role for item in items] == ["user", "assistant"]


def test_a_second_response_while_one_is_active_is_refused_and_the_first_goes_on() -> None:
    with simulator_in_thread() as slow_simulator, connect_sdk(slow_simulator) as sdk:
        ask(sdk.connection, "Hello.")
        first = sdk.until(ResponseCreatedEvent).response
        sdk.connection.response.create(event_id="again")
        refused = sdk.until(RealtimeErrorEvent).error
        done = sdk.until(ResponseDoneEvent).response

    assert (refused.code, refused.event_id) == ("conversation_already_has_active_response", "again")
    assert str(first.id) in refused.message
    assert (done.id, done.status) == (first.id, "completed")


def test_a_failed_response_has_its_error_in_status_details_and_no_error_event(
    realtime_simulator: RunningSimulator,
) -> None:
    with connect_sdk(realtime_simulator, key=realtime_simulator.key_for("failed-response")) as sdk:
        ask(sdk.connection, "Hello.")
        response = sdk.until(ResponseDoneEvent).response

    assert response.status == "failed"
    assert response.status_details is not None
    assert response.status_details.error is not None
    assert response.status_details.error.type == "server_error"
    assert sdk.of(RealtimeErrorEvent) == []


def test_items_are_given_back_and_deleted(realtime_simulator: RunningSimulator) -> None:
    with connect_sdk(realtime_simulator) as sdk:
        type_in(sdk.connection, "Remember this.")
        item_id = str(sdk.until(ConversationItemAdded).item.id)
        sdk.connection.conversation.item.retrieve(item_id=item_id)
        retrieved = cast("Any", sdk.until(ConversationItemRetrieved).item)
        sdk.connection.conversation.item.delete(item_id=item_id)
        deleted = sdk.until(ConversationItemDeletedEvent)
        sdk.connection.conversation.item.retrieve(item_id=item_id)
        gone = sdk.until(RealtimeErrorEvent).error

    assert retrieved.content[0].text == "Remember this."
    assert deleted.item_id == item_id
    assert gone.code == "item_retrieve_invalid_item_id"


def test_one_bad_field_discards_the_whole_update_and_the_session_continues(
    realtime_simulator: RunningSimulator,
) -> None:
    with connect_sdk(realtime_simulator) as sdk:
        mixed: Any = {"type": "realtime", "instructions": "Be rude.", "modalities": ["text"]}
        sdk.connection.session.update(session=mixed, event_id="mixed-1")
        refused = sdk.until(RealtimeErrorEvent).error
        sdk.connection.session.update(session={"type": "realtime"})
        session = cast("Any", sdk.until(SessionUpdatedEvent).session)

    assert (refused.code, refused.param) == ("unknown_parameter", "session.modalities")
    assert refused.event_id == "mixed-1"
    assert session.instructions == cast("Any", sdk.of(SessionCreatedEvent)[0].session).instructions


def test_the_asynchronous_client_gets_the_same_turn(realtime_simulator: RunningSimulator) -> None:
    running = realtime_simulator

    async def turn() -> list[str]:
        steps: list[str] = []
        key = running.api_key.reveal()
        sockets = running.base_url.replace("http", "ws", 1)
        client = AsyncOpenAI(base_url=running.base_url, websocket_base_url=sockets, api_key=key, max_retries=0)
        async with client, client.realtime.connect(model=DEFAULT_MODEL) as connection:
            await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
            await connection.conversation.item.create(
                item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
            )
            await connection.response.create()
            while "rate_limits.updated" not in steps:
                frame = await connection.recv_bytes()
                event = connection.parse_event(frame)
                assert parse_losses(frame, event) == []
                steps += [event.type] if event.type not in steps[-1:] else []
        return steps

    assert asyncio.run(asyncio.wait_for(turn(), TIMEOUT_SECONDS)) == TEXT_TURN


def test_what_the_sdk_does_not_understand_is_found() -> None:
    delta = {"type": "response.output_text.delta", "event_id": "e", "response_id": "r", "item_id": "i", "delta": "x"}
    location = {"output_index": 0, "content_index": 0}

    def found(raw: dict[str, object], kind: type[pydantic.BaseModel] = ResponseTextDeltaEvent) -> str:
        return "\n".join(parse_losses(json.dumps(raw).encode(), kind.model_construct(None, **cast("Any", raw))))

    assert ResponseTextDeltaEvent in GA_EVENTS
    assert found({**delta, **location, "obfuscation": "abc"}) == ""
    assert "taken for" in found({**delta, **location}, ResponseTextDoneEvent)
    assert "unknown field .color" in found({**delta, **location, "color": "red"})
    assert "content_index" in found({**delta, "output_index": 0})
    assert "valid string" in found({**delta, **location, "delta": 5})
