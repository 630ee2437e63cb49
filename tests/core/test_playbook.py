from __future__ import annotations

import gc

import pytest

from bridge.core.commands import SendMessage
from bridge.core.events import ClientText, CreateSession, Ping
from tests.core.builders import new_session
from tests.core.playbook import Playbook, log_event_like, message_like


def test_a_script_that_fits_is_true() -> None:
    assert (
        Playbook(new_session()) >> Ping(7) << SendMessage({"type": "pong", "id": 7}) >> Ping() << message_like("pong")
    )


def test_a_script_that_does_not_fit_shows_both_sides() -> None:
    with pytest.raises(AssertionError, match=r"(?s)- .*'id': 8.*\+ .*'id': 7"):
        bool(Playbook(new_session()) >> Ping(7) << SendMessage({"type": "pong", "id": 8}))


@pytest.mark.parametrize("extra", ["pong", "error"])
def test_a_command_that_does_not_come_is_missed(extra: str) -> None:
    with pytest.raises(AssertionError, match="does not follow"):
        bool(Playbook(new_session()) >> Ping() << message_like("pong") << message_like(extra))


def test_a_command_that_is_not_named_is_noticed() -> None:
    with pytest.raises(AssertionError, match="does not follow"):
        bool(Playbook(new_session()) >> Ping())


def test_a_partial_message_must_have_its_fields_and_its_kind() -> None:
    with pytest.raises(AssertionError):
        bool(Playbook(new_session()) >> Ping(7) << message_like("pong", id=8))
    with pytest.raises(AssertionError):
        bool(Playbook(new_session()) >> CreateSession() << message_like("session_initializing") << message_like("pong"))


def test_log_events_are_compared_where_one_is_named() -> None:
    assert Playbook(new_session()) >> ClientText("hello") << log_event_like("error.sent") << message_like("error")


def test_the_script_sets_the_time() -> None:
    script = Playbook(new_session()) >> ClientText("a") << message_like("error", suppressed=0)
    assert script.at(1.0) >> ClientText("b")
    session = new_session()
    assert Playbook(session) >> ClientText("a") << message_like("error")
    assert Playbook(session).at(2.0) >> ClientText("b") << message_like("error")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_script_that_is_not_asserted_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    script = Playbook(new_session()) >> Ping()
    with pytest.raises(RuntimeError, match="not asserted"):
        script.__del__()
    assert bool(Playbook(new_session()) >> Ping() << message_like("pong"))
    script._asserted = True
    gc.collect()
    assert capsys.readouterr().err == ""
