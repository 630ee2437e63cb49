from __future__ import annotations

import pytest

from bridge.core.generation import Recovery
from bridge.core.session_data import SessionData
from bridge.core.settings import CoreSettings
from bridge.core.states import IllegalTransition, Phase, State, Trigger
from tests.core.builders import audio


def session_data() -> SessionData:
    return SessionData(CoreSettings(), lambda: 0.5)


def test_a_new_generation_keeps_nothing_but_the_queued_requests() -> None:
    data = session_data()
    data.now = 3.0
    old = data.generation
    old.session_id, old.expires_at, old.expiry_announced, old.transcribing = "sess_1", 60.0, True, True
    old.replay.audio_sent(audio(20).pcm)
    old.responses.enqueue(b"request")
    old.responses.response_created("r", 0, 0.0)
    data.begin_generation()
    new = data.generation
    assert (new.number, new.last_event_at, new.ready_by) == (old.number + 1, 3.0, 13.0)
    assert (new.session_id, new.expires_at, new.expiry_announced, new.transcribing) == ("", None, False, False)
    assert (new.replay.ms, new.responses.active, list(new.responses.queued)) == (0, None, [b"request"])


def test_a_conversation_that_is_forgotten_leaves_only_the_number_of_its_generation() -> None:
    data = session_data()
    data.begin_generation()
    data.generation.responses.enqueue(b"request")
    data.generation.session_id = "sess_1"
    data.recovery = Recovery(request=b"request")
    data.forget_conversation()
    assert (data.generation.number, data.generation.session_id) == (1, "")
    assert not data.generation.responses.queued
    assert data.recovery == Recovery()


def test_every_change_of_state_goes_through_the_table() -> None:
    data = session_data()
    assert (data.state, data.phase, data.closed) == (State.IDLE, Phase.IDLE, False)
    data.transition(Trigger.SESSION_REQUESTED)
    assert (data.state, data.phase) == (State.INIT_OPENING, Phase.INITIALIZING)
    with pytest.raises(IllegalTransition):
        data.transition(Trigger.SESSION_LOST)
    data.transition(Trigger.CLIENT_LEFT)
    assert data.closed


def test_commands_are_taken_once() -> None:
    data = session_data()
    data.send_message("pong")
    assert len(data.take_commands()) == 1
    assert data.take_commands() == []
