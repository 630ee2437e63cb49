"""The browser's client and the one in Python make the same of what a bridge says: the same cases, and any others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.client_protocol.client import ProtocolClient, ReportedState
from bridge.client_protocol.errors import ClientCode
from tests.shared_cases import shared_cases

if TYPE_CHECKING:
    from tests.server.page.javascript import ClientRun, JavaScript

GENERATIONS = st.integers(0, 4)
#: Those after which the client goes on by itself, in ways that no message shows.
_GOES_ON = {ClientCode.SESSION_ALREADY_EXISTS, ClientCode.NO_SESSION_EXISTS}
KINDS = ("session_ready", "reconnecting", "reconnected", "audio_dropped", "session.updated")
DETAILS: tuple[dict[str, Any], ...] = ({}, {"attempts": 3}, {"outdated": True}, {"attempts": 3, "outdated": True})
MESSAGES = st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(KINDS), "generation": GENERATIONS, "sessionId": st.just("s")}),
    st.fixed_dictionaries(
        {
            "type": st.just("error"),
            "code": st.sampled_from(sorted(set(ClientCode) - _GOES_ON)),
            "message": st.just("m"),
            "retryable": st.booleans(),
            "generation": GENERATIONS,
            "detail": st.sampled_from(DETAILS),
        }
    ),
)


def after(javascript: JavaScript, messages: list[dict[str, Any]]) -> ClientRun:
    return javascript.client(["start"], ["opened"], *(["message", one] for one in messages))


@pytest.mark.parametrize("case", shared_cases("bridge_messages"), ids=lambda case: case["name"])
def test_the_browsers_client_learns_what_the_bridge_says(javascript: JavaScript, case: dict[str, Any]) -> None:
    sent = [one["send"] for one in case["messages"]]
    for count, one in enumerate(case["messages"], 1):
        run = after(javascript, sent[:count])
        assert (run.badge, run.generation) == (one["badge"], one["generation"]), one["send"]


@settings(deadline=None, max_examples=60)
@given(st.lists(MESSAGES, max_size=6))
def test_both_clients_are_ready_at_the_same_time_and_count_the_same_generations(
    javascript: JavaScript, messages: list[dict[str, Any]]
) -> None:
    python = ProtocolClient()
    seen: list[dict[str, Any]] = []
    for one in messages:
        python.receive(json.dumps(one))
        seen.append(one)
        if python.state is ReportedState.ENDED:
            break  # from here on the browser's client acts by itself
    run = after(javascript, seen)
    assert (run.badge == "Connected") == (python.state is ReportedState.READY)
    assert (run.badge == "Reconnecting") == (python.state is ReportedState.RECONNECTING)
    assert (run.badge == "Error") == (python.state is ReportedState.ENDED)
    assert run.generation == python.generation
