"""A profile translates messages in both directions; the two worked examples are profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from probes.conformance.profile import CLIENT_PROTOCOL, NATIVE, Profile, ProfileError, SendRule, load_profile

EXAMPLES = Path(__file__).parents[3] / "docs" / "profiles"


def example(name: str) -> Profile:
    return load_profile(str(EXAMPLES / name))


def test_without_a_profile_messages_are_those_of_the_client_protocol() -> None:
    assert load_profile(None) is CLIENT_PROTOCOL
    assert CLIENT_PROTOCOL.outgoing("text", {"text": "hi"}) == {"type": "text", "text": "hi"}
    assert CLIENT_PROTOCOL.incoming({"type": "pong", "id": 1}) == {"type": "pong", "id": 1}


def test_names_of_messages_and_fields_are_those_of_the_other_dialect() -> None:
    chunks = example("chunks.toml")
    assert chunks.outgoing("create_session", {"instructions": "Be.", "turnDetection": "none"}) == {
        "type": "start",
        "version": 3,
        "prompt": "Be.",
        "vad": "none",
    }
    assert chunks.outgoing("audio", {"audio": "AAAA"}) == {"type": "chunk", "data": "AAAA"}
    error = chunks.incoming({"type": "failure", "reason": "UNAUTHORIZED", "text": "No.", "canRetry": False})
    assert (error["type"], error["code"], error["message"], error["retryable"]) == (
        *("error", "UNAUTHORIZED", "No."),
        False,
    )
    assert chunks.incoming({"type": "started"})["type"] == "session_ready"


def test_a_message_that_a_dialect_does_not_have_is_none() -> None:
    assert example("chunks.toml").outgoing("playback", {}) is None
    assert NATIVE.outgoing("create_session", {}) is None
    assert NATIVE.groups == "M"


def test_fields_go_down_into_an_envelope_and_come_out_of_it() -> None:
    envelope = example("envelope.toml")
    assert envelope.outgoing("create_session", {"instructions": "Be.", "turnDetection": "none"}) == {
        "event": "session.open",
        "payload": {"systemPrompt": "Be.", "turns": {"mode": "none"}},
    }
    ready = envelope.incoming({"event": "session.open.ok", "payload": {"upstream": "sess_1", "heldMs": 20}})
    assert (ready["type"], ready["sessionId"], ready["bufferedMs"]) == ("session_ready", "sess_1", 20)
    assert envelope.incoming({"event": "anything"})["type"] == "anything"
    assert envelope.incoming({"payload": {}})["type"] is None


def test_a_field_without_a_name_is_left_out() -> None:
    profile = Profile(send={"text": SendRule(type="say", fields={"text": ""})})
    assert profile.outgoing("text", {"text": "hi"}) == {"type": "say"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 5", "Expected `str`"),
        ("nonsense = 1", "unknown field"),
        ("[send.coffee]\ntype = 'x'", "no message 'coffee'"),
        ("audio = 'flac'", "Invalid enum value"),
        ("= =", "is no profile"),
    ],
)
def test_a_wrong_profile_is_refused_with_its_reason(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "profile.toml"
    path.write_text(text)
    with pytest.raises(ProfileError, match=message):
        load_profile(str(path))


def test_a_profile_that_is_not_there_is_named() -> None:
    with pytest.raises(ProfileError, match="can't read the profile /nowhere"):
        load_profile("/nowhere")
