from __future__ import annotations

import re

import pytest

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.ordering.checker import ORDER_RULES, OrderChecker, Violation
from tests.protocol.ordering.event_samples import (
    Event,
    added,
    created,
    done,
    event,
    heard,
    item,
    numbered,
    session_created,
    spoken,
    transcribed,
    written,
)
from tests.protocol.ordering.mutations import MUTATIONS
from tests.protocol.ordering.valid_sequences import VALID_SEQUENCES, ValidSequence


def violations(sequence: ValidSequence) -> list[Violation]:
    checker = OrderChecker(sequence.dialect, sequence.kind)
    found = [violation for entry in sequence.events for violation in checker.feed(entry)]
    return found + checker.finish()


def ga(*events: Event) -> ValidSequence:
    return ValidSequence(Dialect.GA, SessionKind.CONVERSATION, numbered([session_created(), *events]))


@pytest.mark.parametrize("name", VALID_SEQUENCES)
def test_a_healthy_session_breaks_no_rule(name: str) -> None:
    assert violations(VALID_SEQUENCES[name]) == []


@pytest.mark.parametrize("rule", ORDER_RULES)
def test_every_way_to_break_a_rule_is_noticed(rule: str) -> None:
    ways = 0
    for name, healthy in VALID_SEQUENCES.items():
        for broken in MUTATIONS[rule](list(healthy.events)):
            found = {
                violation.rule for violation in violations(ValidSequence(healthy.dialect, healthy.kind, tuple(broken)))
            }
            assert rule in found, (name, broken)
            ways += 1
    assert ways > 0


def test_every_rule_has_its_mutation_and_the_other_way_round() -> None:
    assert MUTATIONS.keys() == ORDER_RULES.keys()


def test_a_violation_has_its_position_rule_and_ids() -> None:
    [violation] = violations(ga(*added(item("item_1")), done("resp_9")))
    assert violation == Violation("response-done-before-created", 3, "response.done", "resp_9 was never created")


def test_an_error_code_that_is_no_text_is_no_reason_to_break() -> None:
    assert violations(ga(event("error", error={"type": "server_error", "code": {"odd": []}, "message": "?"}))) == []


def test_the_message_about_a_second_response_has_both_ids() -> None:
    found = violations(ga(created("resp_1"), created("resp_2"), done("resp_1"), done("resp_2")))
    assert [v.message for v in found] == ["resp_2 is created while resp_1 is not done"]


def test_audio_may_end_before_or_after_its_transcript() -> None:
    events = spoken("resp_1", "item_1", ["Hi"])
    audio, transcript = (i for i, e in enumerate(events) if e["type"].endswith(("audio.done", "transcript.done")))
    events[audio], events[transcript] = events[transcript], events[audio]
    assert violations(ga(created("resp_1"), *events, done("resp_1"))) == []


@pytest.mark.parametrize("place", range(4))
def test_rate_limits_may_come_anywhere_around_a_response(place: int) -> None:
    events = [created("resp_1"), *written("resp_1", "item_1", ["Hi"]), done("resp_1")]
    at = [0, 1, len(events) - 1, len(events)][place]
    events.insert(at, event("rate_limits.updated", rate_limits=[]))
    assert violations(ga(*events)) == []


def test_a_transcription_may_come_before_during_and_after_the_response() -> None:
    transcript = transcribed("item_u", "one", " two")
    answer = [created("resp_1"), *written("resp_1", "item_a", ["Hi"]), done("resp_1")]
    for at in range(len(answer) + 1):
        assert violations(ga(*heard("item_u"), *answer[:at], *transcript, *answer[at:])) == []


def test_only_a_completed_response_must_be_complete_inside() -> None:
    begun = [created("resp_1"), *written("resp_1", "item_1", ["Hi"])[:4]]
    assert violations(ga(*begun, done("resp_1", "cancelled"))) == []
    assert {v.rule for v in violations(ga(*begun, done("resp_1")))} >= {"response-done-item-open"}


def test_the_sum_of_deltas_is_compared_per_part() -> None:
    at = {"response_id": "resp_1", "output_index": 0, "item_id": "item_1"}
    parts = [
        event("response.output_item.added", response_id="resp_1", output_index=0, item=item("item_1", "assistant"))
    ]
    parts += [event("response.content_part.added", content_index=i, part={"type": "text"}, **at) for i in (0, 1)]
    parts += [event("response.output_text.delta", content_index=index, delta=f"{index}", **at) for index in (1, 0, 1)]
    parts += [event("response.output_text.done", content_index=i, text=text, **at) for i, text in ((0, "0"), (1, "11"))]
    assert violations(ga(created("resp_1"), *parts, done("resp_1", "incomplete"))) == []


def test_an_error_in_the_middle_ends_nothing() -> None:
    error = event("error", error={"type": "invalid_request_error", "message": "no"})
    assert violations(ga(error, error, *added(item("item_1")))) == []


def test_a_first_error_ends_the_session_and_nothing_is_missed_afterwards() -> None:
    checker = OrderChecker(Dialect.GA)
    assert checker.feed({"type": "error", "event_id": "e1", "error": {"type": "x", "message": "y"}}) == []
    assert checker.finish() == []


def test_a_session_that_never_opened_is_reported_once() -> None:
    found = violations(
        ValidSequence(Dialect.GA, SessionKind.CONVERSATION, numbered([*added(item("i1")), *added(item("i2"))]))
    )
    assert [v.rule for v in found] == ["event-before-session-created", "session-not-created"]


def test_unknown_events_and_fields_are_ignored() -> None:
    strange = event("response.telepathy.delta", response_id="resp_404", thought="…")
    assert violations(ga(strange, {**event("input_audio_buffer.cleared"), "extra": 1})) == []


@pytest.mark.parametrize(
    "frame",
    [
        {},
        {"type": 7},
        {"type": "response.done"},
        {"type": "response.done", "response": []},
        {"type": "response.created", "response": {"id": 5}},
        {"type": "response.output_text.delta", "response_id": None, "content_index": "x"},
        {"type": "conversation.item.added", "item": "item"},
        {"type": "conversation.item.truncated", "item_id": {}},
        {"type": "conversation.item.input_audio_transcription.delta"},
        {"type": "session.updated", "session": None},
        {"type": "response.content_part.done", "response_id": "resp_1", "output_index": 0, "part": None},
    ],
)
def test_malformed_events_are_reported_and_never_raise(frame: Event) -> None:
    checker = OrderChecker(Dialect.GA)
    checker.feed({"event_id": "e0", **session_created()})
    checker.feed({"event_id": "e1", **created("resp_1")})
    assert {violation.rule for violation in checker.feed(frame)} & {"missing-field", "event-before-output-item"}


def test_beta_transcription_opens_with_its_own_event() -> None:
    sequence = ValidSequence(Dialect.BETA, SessionKind.TRANSCRIPTION, numbered([event("session.created", session={})]))
    assert "event-before-session-created" in {violation.rule for violation in violations(sequence)}


def test_older_beta_servers_may_leave_out_the_usage_of_a_transcription() -> None:
    opening = event("session.created", session={})
    ended = transcribed("item_1", "a")[-1]
    del ended["usage"]
    events = [opening, event("conversation.item.created", item=item("item_1")), ended]
    assert violations(ValidSequence(Dialect.BETA, SessionKind.CONVERSATION, numbered(events))) == []


def test_turning_turn_detection_off_lets_an_unfinished_turn_go() -> None:
    begun = event("input_audio_buffer.speech_started", audio_start_ms=0, item_id="item_1")
    off = event("session.updated", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
    assert violations(ga(begun, off, *heard("item_2"))) == []


def test_semantic_detection_may_hear_several_starts_and_commit_the_last() -> None:
    def update(kind: str) -> Event:
        detection = {"turn_detection": {"type": kind}}
        return event("session.updated", session={"type": "realtime", "audio": {"input": detection}})

    starts = [event("input_audio_buffer.speech_started", audio_start_ms=n, item_id=f"item_{n}") for n in (1, 2)]
    assert violations(ga(update("semantic_vad"), *starts, *heard("item_2")[1:])) == []
    found = violations(ga(update("server_vad"), *starts, *heard("item_2")[1:]))
    assert [v.rule for v in found] == ["speech-started-twice"]
    found = violations(ga(update("semantic_vad"), *heard("item_1")[:2], *heard("item_2")))
    assert {v.rule for v in found} == {"speech-not-committed"}
    again = violations(ga(update("semantic_vad"), starts[0], *heard("item_1")))
    assert [v.rule for v in again] == ["speech-started-twice"]


def test_speech_that_goes_on_at_the_end_is_no_fault() -> None:
    assert violations(ga(heard("item_1")[0])) == []
    assert [v.rule for v in violations(ga(*heard("item_1")[:2]))] == ["speech-not-committed"]


def test_hours_of_turns_cost_bounded_memory_and_no_false_alarm() -> None:
    checker = OrderChecker(Dialect.GA)
    checker.feed({"event_id": "e", **session_created()})
    previous = None
    for turn in range(5_000):
        user, answer, response = f"item_u{turn}", f"item_a{turn}", f"resp_{turn}"
        events = [*heard(user, previous), created(response), *written(response, answer, ["Hi"]), done(response)]
        for number, entry in enumerate(events):
            assert checker.feed({"event_id": f"e{turn}.{number}", **entry}) == []
        previous = answer
    assert len(checker._items._items) == 4_096
    assert len(checker._responses._finished) == 4_096
    assert len(checker._responses._active) == 0
    assert checker.feed({"event_id": "x", **event("conversation.item.deleted", item_id="item_u0")}) == []
    late = event("response.output_text.delta", delta="x", content_index=0, item_id="item_a4999", output_index=0)
    [violation] = checker.feed({"event_id": "y", "response_id": "resp_4999", **late})
    assert violation.rule == "event-after-response-done"


def test_every_rule_is_a_sentence_under_a_kebab_case_name() -> None:
    for name, sentence in ORDER_RULES.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)+", name)
        assert sentence.endswith(".")
