"""A session from its first event to its last, and its answers to invalid events."""

from __future__ import annotations

import json

import pytest

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.events.fields import OBSERVED_ACCEPTED_TYPES
from bridge.simulator.errors.service_errors import SERVICE_ERRORS
from bridge.simulator.faults.session_faults import ExpireFault, StormFault
from bridge.simulator.session.behaviour import SessionBehaviour
from bridge.simulator.session.session import ServerClose
from tests.simulator.session_harness import UNIX_TIME, SimulatorHarness, error_of, speech

OPENINGS = [
    (Dialect.GA, SessionKind.CONVERSATION, "session.created", "realtime"),
    (Dialect.GA, SessionKind.TRANSCRIPTION, "session.created", "transcription"),
    (Dialect.BETA, SessionKind.CONVERSATION, "session.created", None),
    (Dialect.BETA, SessionKind.TRANSCRIPTION, "transcription_session.created", None),
    (Dialect.TRANSLATION, SessionKind.TRANSLATION, "session.created", "translation"),
]


@pytest.mark.parametrize(("dialect", "kind", "first", "session_type"), OPENINGS)
def test_a_session_opens_with_one_event_and_then_waits(
    dialect: Dialect, kind: SessionKind, first: str, session_type: str | None
) -> None:
    harness = SimulatorHarness(kind, dialect)
    harness.wait(600)
    assert harness.types == [first]
    assert harness.events[0]["session"].get("type") == session_type
    assert harness.events[0]["session"]["id"] == harness.session.session_id
    assert harness.events[0]["session"]["expires_at"] == UNIX_TIME + 3600


def test_the_session_is_created_five_milliseconds_after_the_handshake() -> None:
    assert SimulatorHarness().at("session.created") == pytest.approx(0.005)


def test_the_conversation_is_announced_only_if_the_behaviour_says_so() -> None:
    harness = SimulatorHarness(behaviour=SessionBehaviour(conversation_created=True))
    assert harness.types == ["session.created", "conversation.created"]
    assert harness.one("conversation.created")["conversation"]["id"].startswith("conv_")
    assert SimulatorHarness(SessionKind.TRANSCRIPTION, behaviour=SessionBehaviour(conversation_created=True)).types == [
        "session.created"
    ]


def test_events_that_come_before_the_session_was_created_are_answered_after_it_in_their_order() -> None:
    harness = SimulatorHarness(open_session=False)
    assert harness.send("session.update", session={"type": "realtime", "output_modalities": ["text"]}) == []
    assert harness.type("Hello") == []
    assert harness.send("response.create") == []
    harness.run_until_idle()
    assert harness.types[:5] == [
        "session.created",
        "session.updated",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert harness.at("session.updated") == harness.at("session.created")


def test_a_session_that_is_never_created_sends_nothing() -> None:
    harness = SimulatorHarness(behaviour=SessionBehaviour(create_seconds=None))
    harness.type("Hello")
    assert harness.run_until_idle() == []
    assert harness.close is None


@pytest.mark.parametrize("code", [code for code in SERVICE_ERRORS if code != "session_expired"])
def test_a_refused_session_sends_the_error_and_the_close_at_once(code: str) -> None:
    expected = SERVICE_ERRORS[code]
    harness = SimulatorHarness(behaviour=SessionBehaviour(refusal=expected), open_session=False)
    error = harness.one("error")["error"]
    assert error == {
        "type": expected.type,
        "code": expected.code,
        "message": expected.message,
        "param": expected.param,
        "event_id": None,
    }
    assert expected.close_code is not None
    assert harness.close == ServerClose(expected.close_code, expected.close_reason)
    assert harness.session.next_wake is None


def test_the_close_reason_is_the_type_and_the_code_of_the_error() -> None:
    assert SERVICE_ERRORS["insufficient_quota"].close_reason == "insufficient_quota.insufficient_quota"
    assert SERVICE_ERRORS["invalid_api_key"].close_reason == "invalid_request_error.invalid_api_key"
    assert SERVICE_ERRORS["no_credential"].close_reason == "invalid_request_error"


def test_nothing_is_answered_after_the_close() -> None:
    harness = SimulatorHarness(
        behaviour=SessionBehaviour(refusal=SERVICE_ERRORS["invalid_api_key"]), open_session=False
    )
    assert harness.type("Hello") == []
    assert harness.run_until_idle() == []


def test_a_session_expires_after_sixty_minutes() -> None:
    harness = SimulatorHarness()
    harness.wait(3599.9)
    assert harness.close is None
    harness.wait(0.2)
    sentence = "Your session hit the maximum duration of 60 minutes."
    assert error_of(harness.events[1:]) == ("session_expired", None)
    assert harness.events[1]["error"]["message"] == sentence
    assert harness.close == ServerClose(1001, sentence)
    assert harness.closed_at == pytest.approx(3600)


def test_the_message_of_a_time_scaled_session_still_states_sixty_minutes() -> None:
    harness = SimulatorHarness(behaviour=SessionBehaviour(session_seconds=60))
    harness.run_until_idle()
    assert harness.closed_at == pytest.approx(60)
    assert harness.close == ServerClose(1001, "Your session hit the maximum duration of 60 minutes.")


def test_the_message_of_an_azure_session_states_thirty_minutes() -> None:
    harness = SimulatorHarness(behaviour=SessionBehaviour(session_seconds=18, stated_minutes=30))
    harness.run_until_idle()
    assert harness.close == ServerClose(1001, "Your session hit the maximum duration of 30 minutes.")


def test_expiry_ends_a_response_in_progress() -> None:
    harness = SimulatorHarness(behaviour=SessionBehaviour(session_seconds=1))
    harness.type("Hello")
    harness.send("response.create")
    harness.run_until_idle()
    assert "response.output_audio.delta" in harness.types
    assert harness.types[-1] == "error"
    assert harness.all("response.done") == []


def test_an_expiry_added_to_a_running_session_ends_it_at_that_age() -> None:
    harness = SimulatorHarness()
    harness.wait(10)
    harness.session.change_behaviour(lambda behaviour: ExpireFault(12).change_behaviour(behaviour, 1))
    harness.run_until_idle()
    assert harness.closed_at == pytest.approx(12)


def test_an_expiry_in_the_past_ends_a_running_session_at_once() -> None:
    harness = SimulatorHarness()
    harness.wait(10)
    harness.session.change_behaviour(lambda behaviour: ExpireFault(5).change_behaviour(behaviour, 1))
    harness.run_until_idle()
    assert harness.closed_at == pytest.approx(10.005)


def test_an_error_storm_begins_once_the_session_is_configured() -> None:
    harness = SimulatorHarness(behaviour=SessionBehaviour(errors_per_second=50))
    assert harness.wait(1) == []
    assert error_of(harness.send("session.update", session={}, event_id="mine")) == (
        "missing_required_parameter",
        "session.type",
    )
    assert harness.wait(1) == []
    (updated,) = harness.send("session.update", session={"type": "realtime"}, event_id="mine")
    assert updated["type"] == "session.updated"
    storm = harness.wait(1.001)
    assert len(storm) == 50
    assert {event["error"]["event_id"] for event in storm} == {None}
    harness.type("Hello")
    assert harness.close is None


def test_an_error_storm_can_be_added_to_a_configured_session_and_ended_again() -> None:
    harness = SimulatorHarness()
    harness.send("session.update", session={"type": "realtime"})
    harness.session.change_behaviour(lambda behaviour: StormFault(10).change_behaviour(behaviour, 1))
    assert len(harness.wait(1.001)) == 10
    harness.session.change_behaviour(lambda behaviour: StormFault(0).change_behaviour(behaviour, 1))
    harness.wait(1)
    assert harness.wait(10) == []


@pytest.mark.parametrize("text", ["{", "", "<html>", "[" * 100_000, '{"type": "session.update",}', '"\ud800"'])
def test_text_that_is_not_json_is_an_error_that_does_not_end_the_session(text: str) -> None:
    harness = SimulatorHarness()
    assert error_of(harness.frame(text)) == ("invalid_json", None)
    assert len(harness.type("Hello")) == 2


def test_a_binary_frame_is_an_error_that_does_not_end_the_session() -> None:
    harness = SimulatorHarness()
    answer = harness.frame(b'{"type": "response.create"}')
    assert error_of(answer) == ("invalid_event", None)
    assert "text WebSocket message" in answer[0]["error"]["message"]
    assert len(harness.type("Hello")) == 2


@pytest.mark.parametrize("text", ["1", "[]", "null", "{}", '{"type": 5}', '{"event_id": "mine", "type": null}'])
def test_an_event_without_a_type_is_an_error(text: str) -> None:
    answer = SimulatorHarness().frame(text)
    assert error_of(answer) == ("invalid_event", None)
    assert answer[0]["error"]["message"] == "The 'type' field is missing."
    assert answer[0]["error"]["event_id"] == ("mine" if "mine" in text else None)


@pytest.mark.parametrize("name", ["ping", "transcription_session.update", "output_audio_buffer.clear", "x" * 5_000])
def test_an_unknown_type_is_answered_with_the_twelve_types_that_are_known(name: str) -> None:
    (event,) = answer = SimulatorHarness().send(name, event_id="mine")
    assert error_of(answer) == ("invalid_value", "type")
    quoted = [f"'{known}'" for known in OBSERVED_ACCEPTED_TYPES]
    assert len(quoted) == 12
    assert event["error"]["event_id"] == "mine"
    assert event["error"]["message"].endswith(f"values are: {', '.join(quoted[:-1])}, and {quoted[-1]}.")
    assert len(event["error"]["message"]) < 700


def test_an_unknown_type_in_the_beta_dialect_is_not_in_the_list_that_answers_it() -> None:
    (event,) = SimulatorHarness(dialect=Dialect.BETA).send("output_audio_buffer.clear")
    known = event["error"]["message"].partition("Supported values are: ")[2]
    assert "'transcription_session.update'" in known
    assert "output_audio_buffer.clear" not in known


def test_an_event_id_is_echoed_and_may_have_512_characters() -> None:
    harness = SimulatorHarness()
    (event,) = harness.send("response.cancel", event_id="e" * 512)
    assert event["error"]["event_id"] == "e" * 512
    answer = harness.send("response.cancel", event_id="e" * 513)
    assert error_of(answer) == ("string_above_max_length", "event_id")
    assert answer[0]["error"]["event_id"] is None


def test_errors_that_no_client_event_caused_echo_nothing() -> None:
    harness = SimulatorHarness(behaviour=SessionBehaviour(session_seconds=1))
    harness.send("response.cancel", event_id="mine")
    harness.run_until_idle()
    assert harness.all("error")[-1]["error"]["event_id"] is None


def test_session_close_ends_a_conversation_with_1000() -> None:
    harness = SimulatorHarness()
    assert harness.send("session.close") == []
    assert harness.close == ServerClose(1000, "")


def test_ids_and_padding_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    def session(seed: int) -> str:
        harness = SimulatorHarness(seed=seed)
        harness.say()
        harness.run_until_idle()
        harness.type("Hello")
        harness.send("response.create", response={"output_modalities": ["text"]})
        harness.run_until_idle()
        return json.dumps(harness.events)

    assert session(1) == session(1)
    ids_of_one = {event["event_id"] for event in json.loads(session(1))}
    ids_of_other = {event["event_id"] for event in json.loads(session(2))}
    assert len(ids_of_one) > 20
    assert not ids_of_one & ids_of_other


def test_audio_is_passed_on_unchanged() -> None:
    harness = SimulatorHarness()
    harness.append(speech(40))
    harness.append(speech(20))
    assert harness.received_audio == [speech(40), speech(20)]


def test_due_events_come_before_the_answer_to_a_later_frame() -> None:
    harness = SimulatorHarness()
    harness.type("Hello")
    harness.send("response.create")
    harness.now += 0.5
    answer = harness.send("response.cancel", response_id="resp_none")
    assert [event["type"] for event in answer][:2] == ["response.created", "response.output_item.added"]
    assert answer[-1]["error"]["code"] == "response_cancel_not_active"
