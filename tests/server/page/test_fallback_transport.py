"""The browser client's REST fallback against a bridge that the test plays: lost answers, cut streams, refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.server.page.javascript import JavaScript

Step = list[Any]

BEGIN: Step = ["send", {"type": "create_session", "voice": "marin"}]
GONE = [410, {"code": "SESSION_GONE", "detail": "This session is over."}]


def say(*numbers: int) -> Step:
    return ["say", *({"type": "event", "n": number} for number in numbers)]


def text(words: str) -> Step:
    return ["send", {"type": "text", "text": words}]


class Run:
    """What one transport did."""

    def __init__(self, javascript: JavaScript, *steps: Step, **plan: Any) -> None:
        result = javascript.run("fallback", steps=steps, plan=plan)
        self.requests: list[dict[str, Any]] = result["requests"]
        self.taken: list[Any] = result["taken"]
        self.ends: list[dict[str, Any]] = result["ends"]
        self.heard = [one.get("n", one["type"]) for one in result["messages"]]
        self.messages: list[dict[str, Any]] = result["messages"]
        self.unsent: list[int] = result["unsent"]
        self.timers: int = result["timers"]
        self.opened: int = result["opened"]

    def kinds(self) -> list[str]:
        return [one["kind"] for one in self.requests]

    def posts(self) -> list[tuple[str, str]]:
        return [(one["kind"], one["query"]["seq"]) for one in self.requests if "seq" in one["query"]]


def test_create_session_begins_a_session_and_its_token_goes_with_every_further_request(javascript: JavaScript) -> None:
    run = Run(javascript, BEGIN, say(1), text("hello"), ["close"])
    assert run.opened == 1
    create, *others = run.requests
    assert (create["tail"], create["body"]) == ("", {"voice": "marin"})
    assert create["headers"]["authorization"] == "Bearer a-ticket"
    assert [(one["kind"], one["tail"]) for one in others] == [
        ("stream", "/n-0.id/events"),
        ("messages", "/n-0.id/messages"),
        ("delete", "/n-0.id"),
    ]
    assert {one["headers"]["authorization"] for one in others} == {"Bearer session-token"}
    assert others[-1]["keepalive"] is True
    assert (run.heard, run.ends, run.timers) == ([1], [], 0)


def test_a_session_that_is_begun_when_nobody_wants_it_any_more_is_ended(javascript: JavaScript) -> None:
    run = Run(javascript, ["hold"], BEGIN, ["close"], ["answer"])
    assert run.kinds() == ["create", "delete"]
    assert run.requests[-1]["headers"]["authorization"] == "Bearer session-token"
    assert (run.ends, run.timers) == ([], 0)


def test_one_post_is_in_flight_and_what_gathers_meanwhile_goes_into_the_next(javascript: JavaScript) -> None:
    gathers: list[Step] = [*(["audio", n] for n in range(1, 5)), text("a"), text("b"), ["audio", 5]]
    run = Run(javascript, BEGIN, ["hold"], ["audio", 0], *gathers, ["unsent"], ["answer"], ["unsent"])
    assert run.posts() == [("audio", "0"), ("audio", "1"), ("messages", "2"), ("audio", "3")]
    assert run.taken[:5] == [0, 1, 2, 3, 4]
    assert [one if isinstance(one, int) else one["text"] for one in run.taken[5:]] == ["a", "b", 5]
    assert run.unsent[0] > 6 * 960
    assert run.unsent[1] == 0
    types = [one["headers"]["content-type"] for one in run.requests if "seq" in one["query"]]
    assert types == ["audio/pcm", "audio/pcm", "application/x-ndjson", "audio/pcm"]


def test_a_post_has_a_bounded_size(javascript: JavaScript) -> None:
    run = Run(javascript, BEGIN, ["hold"], ["audio", 0], *(["audio", n] for n in range(1, 1_001)), ["answer"])
    assert run.taken == list(range(1_001))
    assert [seq for _, seq in run.posts()] == ["0", "1", "2"]  # 500 chunks of 960 bytes each at most


@pytest.mark.parametrize("fate", ["lost", "refused", "mute", [503, {}], [502, {}], [408, {}]])
def test_a_post_without_an_answer_is_sent_again_with_its_number_and_taken_once(
    javascript: JavaScript, fate: Any
) -> None:
    run = Run(
        javascript, BEGIN, say(1), ["audio", 7], *([["advance", 5_000], say(2)] * 8), ["audio", 8], audio=[fate, fate]
    )
    assert run.taken == [7, 8]
    assert [seq for _, seq in run.posts()] == ["0", "0", "0", "1"]
    assert run.ends == []


def test_a_rejected_post_is_told_and_its_number_goes_to_the_next(javascript: JavaScript) -> None:
    rejected = [413, {"code": "MESSAGE_TOO_LARGE", "detail": "the body is too large"}]
    run = Run(javascript, BEGIN, text("a book"), text("a word"), messages=[rejected])
    assert [one["text"] for one in run.taken] == ["a word"]
    assert [seq for _, seq in run.posts()] == ["0", "0"]
    [told] = run.messages
    assert (told["type"], told["code"], told["message"]) == ("error", "MESSAGE_TOO_LARGE", "the body is too large")


@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_is_obeyed(javascript: JavaScript, status: int) -> None:
    busy = [status, {"code": "SERVER_BUSY"}, {"retry-after": "9"}]
    alive: list[Step] = [step for n in range(2, 9) for step in (["advance", 3_000], say(n))]
    run = Run(javascript, BEGIN, say(1), ["audio", 7], *alive, audio=[busy])
    assert [one["at"] for one in run.requests if one["kind"] == "audio"] == [0, 9_000]
    run = Run(javascript, BEGIN, create=[busy])
    assert run.ends[0]["error"]["detail"] == {"retryAfterMs": 9_000}
    assert run.ends[0]["error"]["retryable"] is True


def test_a_network_that_is_gone_ends_the_session_after_some_tries(javascript: JavaScript) -> None:
    always = {"audio": "refused", "stream": "refused", "poll": "refused"}
    run = Run(javascript, BEGIN, ["audio", 7], *([["advance", 20_000]] * 6), always=always)
    assert [(one["opened"], one["delivered"], one["error"]["code"]) for one in run.ends] == [
        (True, False, "bridge_unreachable")
    ]
    assert run.kinds().count("audio") <= 6
    assert run.kinds()[-1] == "delete"
    assert run.timers == 0


@pytest.mark.parametrize("ending", ["end_stream", "cut_stream"])
def test_a_stream_is_resumed_behind_the_last_event_and_each_comes_once(javascript: JavaScript, ending: str) -> None:
    run = Run(javascript, BEGIN, say(1, 2), [ending], say(3), ["end_stream"], say(4), ["advance", 1_000], say(5))
    assert run.heard == [1, 2, 3, 4, 5]
    resumed = [one["headers"].get("last-event-id") for one in run.requests if one["kind"] == "stream"]
    assert resumed[:2] == [None, "2"]
    assert run.ends == []


def test_where_a_proxy_holds_streams_back_polls_take_over(javascript: JavaScript) -> None:
    run = Run(javascript, BEGIN, ["advance", 5_000], ["advance", 1_000], say(1), say(2), say(3), stream=["mute"])
    assert run.heard == [1, 2, 3]
    polls = [one["query"] for one in run.requests if one["kind"] == "poll"]
    assert polls == [{"after": str(after), "wait": "25"} for after in range(4)]
    assert run.kinds().count("stream") == 1


def test_a_poll_whose_answer_is_lost_is_asked_again(javascript: JavaScript) -> None:
    moments: list[Step] = [["advance", 5_000]] * 4
    run = Run(javascript, BEGIN, say(1, 2), *moments, say(3), stream=["mute"], poll=["lost", "ok"])
    assert run.heard == [1, 2, 3]


def test_an_event_that_comes_again_is_left_out(javascript: JavaScript) -> None:
    again = [{"seq": seq, "message": {"type": "event", "n": seq}} for seq in (1, 2, 2)]
    run = Run(javascript, BEGIN, say(1), ["end_stream"], ["end_stream"], poll=[[200, {"events": again, "next": 2}]])
    assert run.heard == [1, 2]


def test_a_network_that_fails_now_and_then_does_not_end_the_session(javascript: JavaScript) -> None:
    moments: list[Step] = [step for n in range(1, 14) for step in (["advance", 20_000], say(n))]
    run = Run(javascript, BEGIN, *moments, ["advance", 20_000], stream=["mute"], poll=["refused", "ok"] * 14)
    assert run.heard == list(range(1, 14))
    assert run.kinds().count("poll") > 20
    assert run.ends == []


def test_a_stream_that_falls_silent_is_dead_and_resumed(javascript: JavaScript) -> None:
    run = Run(javascript, BEGIN, say(1), ["advance", 19_000], ["advance", 1_000], say(2))
    assert run.heard == [1, 2]
    assert [one["headers"].get("last-event-id") for one in run.requests[1:]] == [None, "1"]
    assert [one["at"] for one in run.requests[1:]] == [0, 20_000]


@pytest.mark.parametrize("kind", ["audio", "poll", "stream"])
def test_a_session_that_is_gone_ends_and_a_new_one_may_be_opened(javascript: JavaScript, kind: str) -> None:
    begins: list[Step] = [BEGIN, say(1)]
    run = Run(
        javascript,
        *begins,
        ["audio", 7],
        ["end_stream"],
        ["end_stream"],
        **{kind: [*(["ok"] * (kind == "stream")), GONE]},
    )
    [end] = run.ends
    assert (end["error"]["code"], end["error"]["retryable"]) == ("SESSION_GONE", True)
    assert (end["opened"], end["delivered"], run.timers) == (True, True, 0)


def test_a_stream_that_ends_at_once_is_followed_by_a_poll_which_tells_that_the_session_is_over(
    javascript: JavaScript,
) -> None:
    run = Run(javascript, BEGIN, say(1), ["end_stream"], ["end_stream"], poll=[GONE])
    assert run.kinds() == ["create", "stream", "stream", "poll", "delete"]
    assert run.ends[0]["error"]["code"] == "SESSION_GONE"


@pytest.mark.parametrize(
    ("answer", "code", "retryable"),
    [
        ([401, {"code": "UNAUTHORIZED", "detail": "x"}], "UNAUTHORIZED", False),
        ([403, {"code": "ORIGIN_NOT_ALLOWED"}], "ORIGIN_NOT_ALLOWED", False),
        ([400, {"code": "INVALID_MESSAGE"}], "INVALID_MESSAGE", False),
        ([503, {"code": "SERVER_BUSY"}], "SERVER_BUSY", True),
        ([403, "a proxy's page"], "bridge_unreachable", True),
        ([404, {}], "bridge_unreachable", True),
        ([201, {}], "bridge_unreachable", True),
        ("refused", "bridge_unreachable", True),
    ],
)
def test_a_session_that_cannot_be_begun_ends_with_the_reason(
    javascript: JavaScript, answer: Any, code: str, retryable: bool
) -> None:
    run = Run(javascript, BEGIN, create=[answer])
    [end] = run.ends
    assert (end["opened"], end["error"]["code"], end["error"]["retryable"]) == (False, code, retryable)
    assert (run.kinds(), run.timers) == (["create"], 0)


def test_the_fallback_is_remembered_for_ten_minutes_unless_it_fails_too(javascript: JavaScript) -> None:
    def asked(*steps: Step, until: int = 0) -> list[Any]:
        answers = javascript.run("rule", steps=steps, until=until)
        return [one for one in answers if one is not None]

    blocked: list[Step] = [["failed", False, 1_000], ["failed", False, 2_000]]
    later: list[Step] = [["applies", 2_000], ["applies", 601_999], ["applies", 602_000]]
    assert asked(["applies", 1_000], *blocked, *later) == [False, True, True, False]
    assert asked(blocked[0], ["delivered"], blocked[1], ["applies", 2_000]) == [False]
    assert asked(*blocked, ["forget"], ["applies", 2_000]) == [False]
    assert asked(["applies", 1_000], until=601_001) == [False]  # the clock was set back
