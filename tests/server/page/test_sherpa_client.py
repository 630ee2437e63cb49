"""SherpaClient against a bridge that the test plays: held speech, recovery, time-outs, errors, fallback."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.client_protocol.messages import BRIDGE_MESSAGES, decode_client_message
from bridge.protocol.events.fields import SERVER_EVENTS

if TYPE_CHECKING:
    from tests.server.page.javascript import JavaScript

Step = list[Any]


def message(kind: str, **fields: Any) -> Step:
    return ["message", {"type": kind, **fields}]


def error(code: str, *, retryable: bool = True, **fields: Any) -> Step:
    return message("error", code=code, message=f"{code} happened", retryable=retryable, suppressed=0, **fields)


def ready(generation: int = 1) -> Step:
    return message("session_ready", generation=generation, sessionId="sess_1", model="m")


def speak(first: int, end: int) -> list[Step]:
    return [["audio", number] for number in range(first, end)]


CONNECTED: list[Step] = [["start"], ["opened"], message("connected", clientId="c", protocol=1), ready()]


def test_what_comes_before_the_session_is_ready_goes_up_afterwards_in_order(javascript: JavaScript) -> None:
    run = javascript.client(
        ["start"], *speak(0, 20), ["opened"], *speak(20, 30), ["text", "hello"], *speak(30, 31), ready(), *speak(31, 33)
    )
    assert run.speech() == list(range(33))
    kinds = [(one["kind"], one.get("message", {}).get("type")) for one in run.trace if one["kind"] in ("send", "audio")]
    assert kinds[0] == ("send", "create_session")
    assert kinds[-4:] == [("send", "text"), ("audio", None), ("audio", None), ("audio", None)]
    assert len(kinds) < 12  # held chunks are joined
    assert run.badges() == ["Initializing…", "Connected"]


def test_held_speech_is_bounded_and_what_goes_is_told(javascript: JavaScript) -> None:
    run = javascript.client(["start"], *speak(0, 1_600), ["opened"], ready())
    assert run.speech() == list(range(100, 1_600))
    assert sum(one["ms"] for one in run.events("dropped")) == 2_000
    run = javascript.client(["start"], *[["text", str(number)] for number in range(103)], ["opened"], ready())
    assert [one["text"] for one in run.sent("text")] == [str(number) for number in range(3, 103)]
    assert sum(one["messages"] for one in run.events("dropped")) == 3


def test_a_lost_socket_is_opened_again_and_speech_without_an_answer_goes_up_again(javascript: JavaScript) -> None:
    run = javascript.client(
        *CONNECTED,
        message("input_audio_buffer.speech_started", item_id="a", audio_start_ms=0),
        *speak(0, 10),
        ["end", {"code": 1001}],
        *speak(10, 12),
        ["advance", 1_000],
        ["opened"],
        *speak(12, 14),
        ready(),
    )
    assert run.speech() == [*range(10), *range(14)]
    assert run.badges() == ["Initializing…", "Connected", "Reconnecting", "Connected"]
    assert len(run.sent("create_session")) == 2
    assert run.generation == 1


def test_speech_that_was_answered_is_not_sent_again(javascript: JavaScript) -> None:
    run = javascript.client(
        *CONNECTED,
        message("input_audio_buffer.speech_started", item_id="a", audio_start_ms=0),
        *speak(0, 100),
        message("input_audio_buffer.committed", item_id="a"),
        *speak(100, 110),
        message("response.output_audio.delta", item_id="b", delta="AAAA"),
        ["end", {}],
        ["advance", 1_000],
        ["opened"],
        ready(),
    )
    assert run.speech() == [*range(110), *range(100, 110)]


def test_a_typed_turn_without_an_answer_is_sent_again_and_one_with_an_answer_is_not(javascript: JavaScript) -> None:
    broken: list[Step] = [["end", {}], ["advance", 1_000], ["opened"], ready()]
    run = javascript.client(*CONNECTED, ["text", "hello"], *broken)
    assert [one["text"] for one in run.sent("text")] == ["hello", "hello"]
    answered = message("response.output_audio_transcript.delta", item_id="a", delta="Hi")
    run = javascript.client(*CONNECTED, ["text", "hello"], answered, *broken)
    assert [one["text"] for one in run.sent("text")] == ["hello"]
    steps = [["sent", 0, 3], ["messageSent", {"type": "audio_commit"}], ["messageSent", {"type": "tool_result"}]]
    assert javascript.run("unanswered", steps=steps, manual=True) == [0, 1, 2, "audio_commit"]


def conversation() -> list[Step]:
    """Return a spoken turn with its answer, a typed one with a half-spoken answer, and one without an answer."""
    return [
        message("input_audio_buffer.committed", item_id="u1"),
        message("response.output_audio_transcript.delta", item_id="a1", delta="You have"),
        message("conversation.item.input_audio_transcription.completed", item_id="u1", transcript="How much have I?"),
        message("response.output_audio_transcript.done", item_id="a1", transcript="You have ten dollars."),
        ["text", "And in euros?"],
        message("response.output_audio_transcript.delta", item_id="a2", delta="Nine"),
        ["text", "And in pounds?"],
    ]


@pytest.mark.parametrize(("dialect", "part"), [("ga", "output_text"), ("beta", "text")])
def test_a_session_behind_a_broken_connection_is_told_of_the_earlier_turns(
    javascript: JavaScript, dialect: str, part: str
) -> None:
    fresh = message("session_ready", generation=1, sessionId="s", model="m", dialect=dialect)
    run = javascript.client(*CONNECTED, *conversation(), ["end", {}], ["advance", 1_000], ["opened"], fresh)
    told = [one["item"] for one in run.sent("conversation.item.create")]
    assert [(one["role"], one["content"]) for one in told] == [
        ("user", [{"type": "input_text", "text": "How much have I?"}]),
        ("assistant", [{"type": part, "text": "You have ten dollars."}]),
        ("user", [{"type": "input_text", "text": "And in euros?"}]),
    ]
    assert run.sent()[-1] == {"type": "text", "text": "And in pounds?"}


def test_a_session_that_the_bridge_replaced_is_told_nothing_and_neither_is_a_new_conversation(
    javascript: JavaScript,
) -> None:
    replaced = [message("reconnecting", reason="x"), message("reconnected", generation=2, sessionId="s")]
    assert javascript.client(*CONNECTED, *conversation(), *replaced).sent("conversation.item.create") == []
    again = [["stop"], ["start"], ["opened"], ready()]
    assert javascript.client(*CONNECTED, *conversation(), *again).sent("conversation.item.create") == []


def test_what_is_told_of_earlier_turns_is_bounded(javascript: JavaScript) -> None:
    turns = [
        step
        for number in range(50)
        for step in (
            ["text", f"{number} " + "x" * 500],
            message("response.output_text.done", item_id=str(number), text="ok"),
        )
    ]
    run = javascript.client(*CONNECTED, *turns, ["end", {}], ["advance", 1_000], ["opened"], ready())
    told = [one["item"]["content"][0]["text"] for one in run.sent("conversation.item.create")]
    assert 0 < sum(map(len, told)) <= 12_000
    assert len(told) <= 40
    assert told[-1] == "ok"
    assert told[-2].startswith("49 ")


def test_while_nobody_speaks_only_the_last_second_is_kept(javascript: JavaScript) -> None:
    assert javascript.run("unanswered", steps=[["sent", 0, 200]]) == list(range(150, 200))
    assert javascript.run("unanswered", steps=[["sent", 0, 200]], manual=True) == list(range(200))
    spoken = [["sent", 0, 60], ["speechStarted"], ["sent", 60, 300]]
    assert javascript.run("unanswered", steps=spoken) == list(range(10, 300))
    answered = [*spoken, ["committed"], ["answered"], ["sent", 300, 310]]
    assert javascript.run("unanswered", steps=answered) == list(range(300, 310))


def test_while_the_bridge_reconnects_speech_goes_on_because_the_bridge_holds_it(javascript: JavaScript) -> None:
    run = javascript.client(
        *CONNECTED,
        message("reconnecting", generation=1, attempt=1, maxAttempts=5, delayMs=100, reason="closed"),
        *speak(0, 3),
        message("reconnected", generation=2, sessionId="s", heldMs=60, resentMs=0, restored={}, lost=[]),
    )
    assert run.speech() == [0, 1, 2]
    assert run.badges() == ["Initializing…", "Connected", "Reconnecting", "Connected"]
    assert run.generation == 2


def test_a_message_of_an_earlier_generation_changes_nothing(javascript: JavaScript) -> None:
    late = message("reconnecting", generation=2, attempt=1, maxAttempts=5, delayMs=0, reason="x")
    run = javascript.client(["start"], ["opened"], ready(3), late)
    assert (run.state, run.generation) == ("ready", 3)


def test_without_a_session_it_asks_again_after_a_second_once(javascript: JavaScript) -> None:
    refused = error("NO_SESSION_EXISTS", generation=1)
    run = javascript.client(*CONNECTED, refused, ["advance", 400], refused, refused, ["advance", 599])
    assert len(run.sent("create_session")) == 1
    run = javascript.client(*CONNECTED, refused, ["advance", 400], refused, ["advance", 600])
    assert len(run.sent("create_session")) == 2
    assert run.times("send")[-1] == 1_000


def test_a_session_that_fails_is_tried_again_and_then_left_to_the_person(javascript: JavaScript) -> None:
    failed = error("SESSION_INITIALIZATION_FAILED", detail={"attempts": 3})
    run = javascript.client(["start"], ["opened"], failed, ["advance", 2_000])
    assert len(run.sent("create_session")) == 2
    [told] = run.events("notice")
    assert told["title"] == "The assistant couldn't be reached"
    assert run.badges() == ["Initializing…", "Error", "Initializing…"]
    steps: list[Step] = [["start"], ["opened"]]
    for _ in range(4):
        steps += [failed, ["advance", 9_000]]
    run = javascript.client(*steps)
    assert (run.state, run.badge, len(run.sent("create_session"))) == ("failed", "Error", 4)
    run = javascript.client(*steps, ["start"], ["opened"], ready())
    assert run.badge == "Connected"


def test_failures_count_anew_behind_a_session_that_came_and_when_a_person_tries_again(javascript: JavaScript) -> None:
    failing = error("SESSION_INITIALIZATION_FAILED", detail={"attempts": 3})
    thrice = [step for _ in range(3) for step in (failing, ["advance", 20_000])]
    assert javascript.client(["start"], ["opened"], *thrice, failing).state == "failed"
    assert javascript.client(["start"], ["opened"], *thrice, ready(), failing).state == "failed_later"
    again: list[Step] = [["start"], ["opened"], *thrice]
    assert javascript.client(["start"], ["opened"], *thrice, failing, *again).state == "initializing"


def test_what_a_retry_cannot_fix_is_not_tried_again(javascript: JavaScript) -> None:
    refused = error("AUTHENTICATION_FAILED", retryable=False, detail={"attempts": 1, "status": 401})
    run = javascript.client(["start"], *speak(0, 5), ["opened"], refused, ["advance", 600_000])
    assert (run.state, len(run.sent("create_session")), run.times("open")) == ("failed", 1, [0])
    assert run.events("dropped") == [{"ms": 100, "messages": 0, "by": "client"}]
    assert run.timers == 0


def test_a_wait_that_the_bridge_names_is_kept(javascript: JavaScript) -> None:
    limited = error("RATE_LIMITED", detail={"attempts": 1, "retryAfterMs": 20_000})
    run = javascript.client(["start"], ["opened"], limited, ["advance", 19_999])
    assert len(run.sent("create_session")) == 1
    run = javascript.client(["start"], ["opened"], limited, ["advance", 20_000])
    assert len(run.sent("create_session")) == 2


def test_a_session_that_never_becomes_ready_is_given_up_in_the_end(javascript: JavaScript) -> None:
    steps: list[Step] = [["start"]]
    for _ in range(4):
        steps += [["opened"], ["advance", 20_000], ["advance", 9_000]]
    run = javascript.client(*steps)
    assert run.state == "failed"
    assert {one["code"] for one in run.events("notice")} == {"readiness_timeout"}
    assert run.badges() == ["Initializing…", "Reconnecting", "Error"]
    alive = [
        ["start"],
        ["opened"],
        *[step for _ in range(9) for step in (["advance", 15_000], message("session_initializing"))],
    ]
    assert javascript.client(*alive).state == "initializing"


def test_a_bridge_that_has_announced_its_next_attempt_is_waited_for_so_much_longer(javascript: JavaScript) -> None:
    def lost(delay: object) -> Step:
        return message("reconnecting", generation=1, attempt=1, maxAttempts=5, delayMs=delay, reason="x")

    def wait(seconds: int) -> list[Step]:  # the connection itself is alive
        return [step for _ in range(seconds) for step in (["advance", 1_000], message("pong"))]

    assert javascript.client(*CONNECTED, lost(21_000), *wait(40)).state == "recovering"
    assert javascript.client(*CONNECTED, lost(21_000), *wait(41)).events("notice")[0]["code"] == "readiness_timeout"
    begun = message("session_initializing", generation=2, attempt=2, maxAttempts=5)
    assert javascript.client(*CONNECTED, lost(21_000), begun, *wait(20)).events("notice") != []
    for delay, seconds in ((1e12, 80), ("long", 20), (-5, 20), (None, 20)):  # more than a bridge waits, and nonsense
        assert javascript.client(*CONNECTED, lost(delay), *wait(seconds - 1)).events("notice") == []
        assert javascript.client(*CONNECTED, lost(delay), *wait(seconds)).events("notice") != []


def test_a_connection_that_hangs_is_given_up_and_tried_again(javascript: JavaScript) -> None:
    run = javascript.client(["start"], ["advance", 20_000], ["advance", 625])
    assert run.times("open") == [0, 20_625]
    assert run.times("close") == [20_000]


def test_waits_grow_with_jitter_up_to_a_bound(javascript: JavaScript) -> None:
    waits = [javascript.run("wait", attempt=attempt, random=1) for attempt in range(8)]
    assert waits == [1_000, 2_000, 4_000, 8_000, 16_000, 16_000, 16_000, 16_000]
    assert javascript.run("wait", attempt=99, random=0) == 250


def test_offline_waits_without_trying_and_online_connects_at_once(javascript: JavaScript) -> None:
    offline = [*CONNECTED, ["lifecycle", "offline"], *speak(0, 2), ["advance", 600_000]]
    run = javascript.client(*offline)
    assert (run.state, run.badge, run.times("open")) == ("offline", "Reconnecting", [0])
    run = javascript.client(*offline, ["lifecycle", "online"], ["opened"], ready())
    assert (run.badge, run.speech(), run.times("open")) == ("Connected", [0, 1], [0, 600_000])


def test_a_network_that_is_back_ends_the_wait_for_the_next_try(javascript: JavaScript) -> None:
    run = javascript.client(*CONNECTED, ["end", {}], ["advance", 100], ["lifecycle", "online"])
    assert run.times("open") == [0, 100]


def test_a_page_that_is_frozen_while_offline_connects_only_when_it_is_shown(javascript: JavaScript) -> None:
    asleep = [*CONNECTED, *[["lifecycle", event] for event in ("offline", "freeze", "online")], ["advance", 60_000]]
    assert javascript.client(*asleep).times("open") == [0]
    assert javascript.client(*asleep, ["lifecycle", "resume"]).times("open") == [0, 60_000]


def test_new_speech_never_overtakes_speech_that_is_held(javascript: JavaScript) -> None:
    recovered = message("reconnected", generation=2, sessionId="s")
    run = javascript.client(
        ["start"], *speak(0, 3), ["opened"], message("reconnecting", reason="x"), *speak(3, 5), recovered, *speak(5, 6)
    )
    assert run.speech() == [0, 1, 2, 3, 4, 5]
    spoken = [message("input_audio_buffer.speech_started"), *speak(0, 3), message("session_initializing"), *speak(3, 4)]
    run = javascript.client(*CONNECTED, *spoken, ["end", {}], ["advance", 1_000], ["opened"], ready())
    assert run.speech() == [0, 1, 2, 0, 1, 2, 3]


def test_speech_without_an_answer_outlives_being_offline(javascript: JavaScript) -> None:
    spoken = [message("input_audio_buffer.speech_started"), *speak(0, 3)]
    back: list[Step] = [["lifecycle", "offline"], *speak(3, 5), ["lifecycle", "online"], ["opened"], ready()]
    assert javascript.client(*CONNECTED, *spoken, *back).speech() == [0, 1, 2, 0, 1, 2, 3, 4]


def test_a_token_is_fetched_for_each_connection_and_not_used_once_a_person_has_ended_it(javascript: JavaScript) -> None:
    run = javascript.client(["start"], ["advance", 100], ["opened"], tokenMs=100)
    assert [one["token"] for one in run.trace if one["kind"] == "open"] == ["a-ticket"]
    run = javascript.client(["start"], ["stop"], ["advance", 100], tokenMs=100)
    assert (run.state, run.times("open")) == ("idle", [])


def test_the_late_end_of_an_earlier_connection_changes_nothing(javascript: JavaScript) -> None:
    renewed: list[Step] = [["lifecycle", "freeze"], ["lifecycle", "resume"], ["opened"], ready(), ["end_of_earlier"]]
    assert javascript.client(*CONNECTED, *renewed).badge == "Connected"


def test_a_frozen_page_closes_its_socket_and_connects_when_it_is_shown_again(javascript: JavaScript) -> None:
    run = javascript.client(*CONNECTED, ["lifecycle", "freeze"], ["lifecycle", "resume"], ["opened"], ready())
    assert (run.badge, len(run.times("open")), len(run.times("close"))) == ("Connected", 2, 1)


def test_the_end_of_a_session_by_intent_is_no_error(javascript: JavaScript) -> None:
    run = javascript.client(*CONNECTED, message("session_closed", generation=1, reason="idle"))
    assert (run.state, run.badge, run.events("notice")) == ("idle", None, [])
    run = javascript.client(
        *CONNECTED, message("session_closed", generation=1, reason="draining"), ["end", {"code": 1001}]
    )
    assert run.state == "waiting"
    run = javascript.client(*CONNECTED, message("session_closed", generation=1, reason="expired"), ["advance", 1_000])
    assert len(run.sent("create_session")) == 2


def test_nothing_is_left_when_a_person_ends_it(javascript: JavaScript) -> None:
    run = javascript.client(*CONNECTED, *speak(0, 3), ["stop"], *speak(3, 6), ["advance", 60_000])
    assert (run.state, run.badge, run.timers) == ("idle", None, 0)
    assert run.speech() == [0, 1, 2]
    assert run.sent()[-1] == {"type": "end_session"}


@pytest.mark.parametrize(("ends", "transport"), [(1, "websocket"), (2, "fallback")])
def test_two_websockets_that_do_not_open_lead_to_the_fallback(
    javascript: JavaScript, ends: int, transport: str
) -> None:
    never: list[Step] = [["end", {"opened": False, "delivered": False}], ["advance", 16_000]]
    run = javascript.client(["start"], *(never * ends), ["opened"], ready(), fallback=True)
    opened = [one["transport"] for one in run.trace if one["kind"] == "open"]
    assert opened[-1] == transport
    assert run.badge == {"websocket": "Connected", "fallback": "Fallback"}[transport]


def test_a_websocket_that_delivers_is_no_reason_to_fall_back(javascript: JavaScript) -> None:
    died: list[Step] = [["opened"], ["end", {"opened": True, "delivered": False}], ["advance", 16_000]]
    works: list[Step] = [["opened"], ready(), ["end", {}], ["advance", 16_000]]
    run = javascript.client(["start"], *died, *died, *works, *died, *died, ["opened"], ready(), fallback=True)
    assert run.badge == "Connected"


def test_three_websockets_that_die_mute_lead_to_the_fallback_and_ten_minutes_later_back(
    javascript: JavaScript,
) -> None:
    died: list[Step] = [["opened"], ["end", {"opened": True, "delivered": False}], ["advance", 16_000]]
    ten_minutes: list[Step] = [step for _ in range(40) for step in (["advance", 15_000], message("pong"))]
    lost: list[Step] = [["end", {}], ["advance", 1_000]]
    run = javascript.client(["start"], *(died * 3), ["opened"], ready(), *ten_minutes, *lost, fallback=True)
    opened = [one["transport"] for one in run.trace if one["kind"] == "open"]
    assert opened == ["websocket", "websocket", "websocket", "fallback", "websocket"]


def test_a_bridge_that_is_down_or_refuses_is_no_network_that_blocks_websockets(javascript: JavaScript) -> None:
    never: list[Step] = [["end", {"opened": False, "delivered": False}], ["advance", 16_000]]
    busy = {"code": "SERVER_BUSY", "message": "The bridge is full.", "retryable": True}
    for explained in ("unreachable", busy):
        run = javascript.client(["start"], *(never * 4), explained=explained, fallback=True)
        assert [one["transport"] for one in run.trace if one["kind"] == "open"] == ["websocket"] * 5


def test_a_fallback_that_cannot_be_opened_either_gives_way_to_the_websocket(javascript: JavaScript) -> None:
    never: list[Step] = [["end", {"opened": False, "delivered": False}], ["advance", 16_000]]
    down = {"code": "bridge_unreachable", "message": "x", "retryable": True}
    neither: list[Step] = [["opened"], ["end", {"opened": False, "delivered": False, "error": down}]]
    run = javascript.client(["start"], *(never * 2), *neither, ["advance", 16_000], fallback=True)
    opened = [one["transport"] for one in run.trace if one["kind"] == "open"]
    assert opened == ["websocket", "websocket", "fallback", "websocket"]


def test_a_fallback_that_dies_mute_does_not_lengthen_its_time(javascript: JavaScript) -> None:
    never: list[Step] = [["end", {"opened": False, "delivered": False}], ["advance", 16_000]]
    died: list[Step] = [["opened"], ["end", {"opened": True, "delivered": False}], ["advance", 16_000]]
    run = javascript.client(["start"], *(never * 2), *(died * 38), fallback=True)
    opened = [(one["at"], one["transport"]) for one in run.trace if one["kind"] == "open"][2:]
    assert {transport for at, transport in opened if at < 600_000} == {"fallback"}
    assert opened[-1][1] == "websocket"


def test_the_fallback_stays_for_the_next_session_and_loses_no_speech_with_one_that_is_gone(
    javascript: JavaScript,
) -> None:
    never: list[Step] = [["end", {"opened": False, "delivered": False}], ["advance", 16_000]]
    gone = {"code": "SESSION_GONE", "message": "It is over.", "retryable": True}
    spoken: list[Step] = [message("input_audio_buffer.speech_started", item_id="a", audio_start_ms=0), *speak(0, 5)]
    lost: list[Step] = [["end", {"error": gone}], *speak(5, 8), ["advance", 1_000], ["opened"], ready()]
    run = javascript.client(["start"], *(never * 2), ["opened"], ready(), *spoken, *lost, fallback=True)
    assert [one["transport"] for one in run.trace if one["kind"] == "open"][2:] == ["fallback", "fallback"]
    assert run.badges() == ["Initializing…", "Reconnecting", "Fallback", "Reconnecting", "Fallback"]
    assert run.speech() == [*range(5), *range(8)]


def test_a_connection_that_says_why_it_ended_is_believed(javascript: JavaScript) -> None:
    wrong = {"code": "UNAUTHORIZED", "message": "The token is wrong.", "retryable": False}
    run = javascript.client(["start"], ["opened"], ["end", {"opened": False, "error": wrong}], ["advance", 60_000])
    assert (run.state, len(run.times("open"))) == ("failed", 1)
    assert [one["title"] for one in run.events("notice")] == ["The bridge needs a token"]
    busy = {"code": "SERVER_BUSY", "message": "Full.", "retryable": True, "detail": {"retryAfterMs": 30_000}}
    ended: list[Step] = [["opened"], ["end", {"opened": False, "error": busy}]]
    run = javascript.client(["start"], *ended, ["advance", 29_999], ["advance", 1])
    assert run.times("open") == [0, 30_000]
    assert [one["code"] for one in run.events("notice")] == ["SERVER_BUSY"]


def test_a_connection_that_is_dead_although_nothing_closed_it_is_opened_again(javascript: JavaScript) -> None:
    run = javascript.client(*CONNECTED, ["advance", 15_000])
    assert run.trace[-1] == {"at": 15_000, "kind": "send", "message": {"type": "ping"}}
    alive = [step for _ in range(5) for step in (["advance", 15_000], message("pong"))]
    assert javascript.client(*CONNECTED, *alive).badge == "Connected"
    run = javascript.client(*CONNECTED, ["advance", 30_000])
    assert (run.state, run.times("close")) == ("waiting", [30_000])


def test_a_network_that_takes_nothing_any_more_is_given_up_and_its_speech_kept(javascript: JavaScript) -> None:
    run = javascript.client(
        *CONNECTED, message("input_audio_buffer.speech_started"), ["unsent", 1_440_001], *speak(0, 1), *speak(1, 3),
        ["unsent", 0], ["advance", 1_000], ["opened"], ready(),
    )  # fmt: skip
    assert run.speech() == [0, 0, 1, 2]


def test_a_network_that_is_stuck_while_held_speech_goes_up_loses_none_of_it(javascript: JavaScript) -> None:
    run = javascript.client(
        ["start"], *speak(0, 50), ["text", "x"], *speak(50, 60), ["opened"], ["unsent", 1_440_001], ready(),
        ["unsent", 0], ["advance", 1_000], ["opened"], ready(),
    )  # fmt: skip
    assert run.speech() == [*range(10), *range(60)]
    assert run.events("held")[-1] == {"ms": 0, "messages": 0}


def test_a_connection_that_cannot_be_opened_is_explained(javascript: JavaScript) -> None:
    never: Step = ["end", {"opened": False, "delivered": False}]
    refused = {"code": "UNAUTHORIZED", "message": "The token is wrong.", "retryable": False}
    run = javascript.client(["start"], never, ["advance", 60_000], explained=refused)
    assert (run.state, len(run.times("open"))) == ("failed", 1)
    assert [one["title"] for one in run.events("notice")] == ["The bridge needs a token"]
    busy = {"code": "SERVER_BUSY", "message": "The bridge is full.", "retryable": True}
    run = javascript.client(["start"], never, ["advance", 1_000], explained=busy)
    assert (run.state, len(run.times("open"))) == ("reopening", 2)
    run = javascript.client(["start"], never, ["advance", 1_000], never)
    assert [one["code"] for one in run.events("notice")] == ["bridge_unreachable"]


def test_a_session_that_exists_already_is_used(javascript: JavaScript) -> None:
    run = javascript.client(["start"], ["opened"], ["audio", 1], error("SESSION_ALREADY_EXISTS", retryable=False))
    assert (run.badge, run.speech(), run.events("notice")) == ("Connected", [1], [])


def test_what_is_typed_without_a_connection_is_told_to_be_lost(javascript: JavaScript) -> None:
    assert javascript.client(["text", "hello"]).events("dropped") == [{"ms": 0, "messages": 1, "by": "client"}]


def test_playback_is_told_four_times_a_second_and_at_its_end(javascript: JavaScript) -> None:
    steps = [step for ms in range(0, 1_000, 100) for step in (["playback", "item", ms], ["advance", 100])]
    run = javascript.client(*CONNECTED, *steps, ["playback", "item", 1_000, True])
    assert [one["playedMs"] for one in run.sent("playback")] == [0, 300, 600, 900, 1_000]
    run = javascript.client(["start"], ["opened"], ["playback", "a", 20], ready(), ["playback", "b", 20.6])
    assert [(one["itemId"], one["playedMs"]) for one in run.sent("playback")] == [("b", 21)]  # a session, whole numbers
    unknown = error("INVALID_MESSAGE", retryable=False)
    unknown[1]["message"] = "Unknown message type 'playback'."
    run = javascript.client(*CONNECTED, ["playback", "item", 1], unknown, ["advance", 500], ["playback", "item", 2])
    assert (len(run.sent("playback")), run.events("notice")) == (1, [])


def test_a_flood_of_errors_is_told_once_in_two_seconds_and_none_is_lost(javascript: JavaScript) -> None:
    flood = [step for _ in range(100) for step in (error("UPSTREAM_ERROR"), ["advance", 50])]
    run = javascript.client(*CONNECTED, *flood, ["advance", 2_000])
    times = [one["at"] for one in run.trace if one["kind"] == "event" and one["name"] == "notice"]
    assert times == [0, 2_000, 4_000, 6_000]
    assert sum(one["count"] for one in run.events("notice")) == 100


def test_of_the_errors_held_back_the_most_severe_one_is_told(javascript: JavaScript) -> None:
    def made(code: str, *, retryable: bool) -> dict[str, Any]:
        return {"code": code, "message": code, "retryable": retryable}

    steps = [
        [0, made("A", retryable=True)],
        [100, made("B", retryable=False)],
        [200, made("C", retryable=True)],
        [1_999, None],
        [2_000, None],
    ]
    shown = [
        one["shown"] and (one["shown"]["code"], one["shown"]["count"]) for one in javascript.run("notices", steps=steps)
    ]
    assert shown == [("A", 1), None, None, None, ("B", 2)]
    held_by_the_bridge = [[0, made("A", retryable=True) | {"suppressed": 3}]]
    assert javascript.run("notices", steps=held_by_the_bridge)[0]["shown"]["count"] == 4
    equal = [[at, made(code, retryable=True)] for at, code in ((0, "A"), (100, "B"), (200, "C"))]
    assert javascript.run("notices", steps=[*equal, [2_000, None]])[-1]["shown"]["code"] == "C"
    ending = [[0, made("A", retryable=True)], [100, made("B", retryable=True) | {"detail": {"attempts": 3}}]]
    told = javascript.run("notices", steps=ending)
    assert [one["shown"]["code"] for one in told] == ["A", "B"]  # one that ends the session waits for nothing


@pytest.mark.parametrize("detail", [0, "x", [], None, {"retryAfterMs": "soon"}, {"attempts": None}])
def test_an_error_with_wrong_fields_is_told_all_the_same(javascript: JavaScript, detail: Any) -> None:
    wrong = message("error", code=None, message=None, retryable="yes", suppressed=-3, detail=detail)
    run = javascript.client(*CONNECTED, wrong)
    assert [(one["code"], one["count"], one["retryable"]) for one in run.events("notice")] == [("UNKNOWN", 1, False)]


def test_what_a_stranger_sends_changes_nothing(javascript: JavaScript) -> None:
    strange = [
        message(kind) for kind in ("constructor", "__proto__", "toString", "hasOwnProperty.x", "response.created")
    ]
    assert javascript.client(*CONNECTED, *strange, message("error"), message("session_closed_")).state == "ready"


@settings(max_examples=100)
@given(
    kind=st.sampled_from([*BRIDGE_MESSAGES, *sorted(frozenset().union(*SERVER_EVENTS.values()))]),
    fields=st.dictionaries(
        st.sampled_from(
            ["generation", "code", "message", "detail", "reason", "delta", "item_id", "response", "transcript", "total"]
        ),
        st.one_of(st.none(), st.integers(-1, 5), st.text(max_size=5), st.lists(st.none(), max_size=1), st.just({})),
    ),
)
def test_no_message_of_a_bridge_however_wrong_stops_the_client(
    javascript: JavaScript, kind: str, fields: dict[str, Any]
) -> None:
    run = javascript.client(*CONNECTED, message(kind, **fields), ["stop"], ["start"], ["opened"], ready())
    assert run.badge == "Connected"


steps_of_any_kind = st.one_of(
    st.sampled_from(
        [
            *[["start"], ["stop"], ["opened"], ["lifecycle", "offline"], ["lifecycle", "online"]],
            *[["lifecycle", "freeze"], ["lifecycle", "resume"], ["end", {}], ["end", {"delivered": False}]],
            *[["end", {"opened": False, "delivered": False}], ready(), message("session_initializing")],
            *[message("reconnecting", reason="x"), message("reconnected"), error("NO_SESSION_EXISTS")],
            *[error("UPSTREAM_ERROR"), error("SESSION_INITIALIZATION_FAILED", detail={"attempts": 3})],
            *[error("QUOTA_EXHAUSTED", retryable=False, detail={"attempts": 1}), ["text", "x"]],
            *[message("session_closed", reason=reason) for reason in ("ended", "expired", "draining")],
            *[["unsent", 2_000_000], ["unsent", 0]],
            *[message("input_audio_buffer.speech_started"), message("input_audio_buffer.committed")],
            *[message("response.output_audio.delta", delta="AAAA"), message("response.done", response={})],
        ]
    ),
    st.builds(lambda ms: ["advance", ms], st.sampled_from([10, 500, 1_000, 5_000, 30_000])),
    st.builds(lambda count: ["speak", count], st.integers(1, 60)),
)


@settings(max_examples=150)
@given(drawn=st.lists(steps_of_any_kind, max_size=40), fallback=st.booleans())
def test_whatever_happens_no_speech_is_lost_silently_or_out_of_order(
    javascript: JavaScript, drawn: list[Step], fallback: bool
) -> None:
    steps: list[Step] = [["start"]]
    spoken = 0
    for step in drawn:
        if step[0] == "speak":
            steps += speak(spoken, spoken + step[1])
            spoken += step[1]
        else:
            steps.append(step)
    working = [
        ["unsent", 0],
        ["lifecycle", "online"],
        ["lifecycle", "resume"],
        ["start"],
        ["advance", 17_000],
        ["opened"],
        ready(9),
    ]
    run = javascript.client(*steps, *working, *working, *working, fallback=fallback)
    assert run.badge in ("Connected", "Fallback")

    sessions: list[list[int]] = [[]]
    for one in run.trace:
        if one["kind"] == "send" and one["message"]["type"] == "create_session":
            sessions.append([])
        elif one["kind"] == "audio":
            sessions[-1] += one["numbers"]
    assert all(earlier < later for numbers in sessions for earlier, later in pairwise(numbers))
    taken = {one["number"] for one in run.trace if one["kind"] == "posted" and one["state"] not in ("idle", "failed")}
    sent = {number for numbers in sessions for number in numbers}
    told = sum(one["ms"] for one in run.events("dropped") if one["by"] == "client")
    assert sent <= taken
    assert len(taken - sent) * 20 <= told

    shown = [one["at"] for one in run.trace if one["kind"] == "event" and one["name"] == "notice"]
    ending = {
        one["at"]
        for one in run.trace
        if one["kind"] == "event" and one["name"] == "notice" and "attempts" in one["detail"].get("detail", {})
    }
    assert all(later - earlier >= 2_000 or later in ending for earlier, later in pairwise(shown))
    for one in run.sent():
        if "." not in one["type"]:
            decode_client_message(one)
    opens = [one["kind"] for one in run.trace if one["kind"] in ("open", "close")]
    assert len(run.sent("create_session")) >= 1
    assert opens[0] == "open"
