from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.protocol.dialects.detection import (
    BETA_HEADER,
    BETA_TO_GA,
    DIALECTS,
    DetectedDialect,
    Dialect,
    SessionKind,
    browser_subprotocols,
    detect_dialect,
    event_dialect,
    find_client_secret,
    find_secret_expiry,
    socket_query,
    translate_event_type,
)
from bridge.protocol.events.fields import CLIENT_EVENTS, SERVER_EVENTS

NAMES = {dialect: CLIENT_EVENTS[dialect].keys() | SERVER_EVENTS[dialect].keys() for dialect in Dialect}


@pytest.mark.parametrize(("old", "new"), BETA_TO_GA.items())
def test_a_rename_leads_from_a_beta_event_to_ga_events(old: str, new: tuple[str, ...]) -> None:
    assert old in NAMES[Dialect.BETA]
    assert set(new) <= NAMES[Dialect.GA]
    assert translate_event_type(old, Dialect.GA) == new


def test_every_beta_name_has_a_ga_name_that_exists() -> None:
    assert {new for old in NAMES[Dialect.BETA] for new in translate_event_type(old, Dialect.GA)} <= NAMES[Dialect.GA]


def test_a_ga_name_has_a_beta_name_that_exists_or_none() -> None:
    back = {name: translate_event_type(name, Dialect.BETA) for name in NAMES[Dialect.GA]}
    assert {old for olds in back.values() for old in olds} <= NAMES[Dialect.BETA]
    assert {name for name, olds in back.items() if not olds} == {
        "conversation.item.done",
        "conversation.item.input_audio_transcription.segment",
        "input_audio_buffer.dtmf_event_received",
        "input_audio_buffer.timeout_triggered",
        "mcp_list_tools.completed",
        "mcp_list_tools.failed",
        "mcp_list_tools.in_progress",
        "response.mcp_call.completed",
        "response.mcp_call.failed",
        "response.mcp_call.in_progress",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
    }


def test_deltas_go_there_and_back() -> None:
    for old in ("response.text.delta", "response.audio.done", "response.audio_transcript.delta"):
        (new,) = translate_event_type(old, Dialect.GA)
        assert new != old
        assert translate_event_type(new, Dialect.BETA) == (old,)


def test_the_beta_has_one_event_per_item() -> None:
    assert translate_event_type("conversation.item.added", Dialect.BETA) == ("conversation.item.created",)
    assert translate_event_type("conversation.item.done", Dialect.BETA) == ()


def test_the_beta_names_a_transcription_session_apart() -> None:
    assert translate_event_type("session.created", Dialect.BETA) == ("session.created",)
    for name in ("created", "updated", "update"):
        assert translate_event_type(f"session.{name}", Dialect.BETA, SessionKind.TRANSCRIPTION) == (
            f"transcription_session.{name}",
        )


def test_translation_is_a_family_of_its_own() -> None:
    for name in NAMES[Dialect.TRANSLATION]:
        assert translate_event_type(name, Dialect.TRANSLATION) == (name,)
    assert translate_event_type("response.create", Dialect.TRANSLATION) == ()
    assert translate_event_type("session.output_audio.delta", Dialect.GA) == ()


def test_a_name_no_dialect_knows_is_left_alone() -> None:
    assert translate_event_type("vendor.extra", Dialect.GA) == ("vendor.extra",)
    assert translate_event_type("vendor.extra", Dialect.BETA) == ("vendor.extra",)


def test_first_events_are_events_of_the_family_that_the_session_speaks() -> None:
    for dialect, facts in DIALECTS.items():
        for kind, told in facts.kinds.items():
            assert told.first_event in SERVER_EVENTS[event_dialect(dialect, kind)]
    assert DIALECTS[Dialect.BETA].kinds[SessionKind.TRANSCRIPTION].first_event == "transcription_session.created"
    assert DIALECTS[Dialect.GA].kinds[SessionKind.TRANSCRIPTION].first_event == "session.created"


def test_only_the_beta_has_a_header_and_is_refused() -> None:
    assert DIALECTS[Dialect.BETA].header == BETA_HEADER == ("OpenAI-Beta", "realtime=v1")
    assert DIALECTS[Dialect.BETA].refused_since == date(2026, 5, 12)
    for dialect in (Dialect.GA, Dialect.TRANSLATION):
        assert DIALECTS[dialect].header is None
        assert DIALECTS[dialect].refused_since is None


def test_mint_addresses() -> None:
    assert {facts.mint_path for facts in DIALECTS[Dialect.BETA].kinds.values()} == {
        "/realtime/sessions",
        "/realtime/transcription_sessions",
    }
    assert [facts.mint_path for facts in DIALECTS[Dialect.GA].kinds.values()] == [
        "/realtime/client_secrets",
        "/realtime/client_secrets",
        "/realtime/translations/client_secrets",
    ]


def test_secrets_live_a_minute_in_the_beta_and_ten_in_ga() -> None:
    beta, ga = DIALECTS[Dialect.BETA].secret_lifetime, DIALECTS[Dialect.GA].secret_lifetime
    assert (beta.default_seconds, beta.max_seconds) == (60, 60)
    assert (ga.default_seconds, ga.min_seconds, ga.max_seconds) == (600, 10, 7200)


def test_azure_takes_an_api_version_only_in_the_beta() -> None:
    beta, ga = DIALECTS[Dialect.BETA].azure, DIALECTS[Dialect.GA].azure
    assert beta is not None
    assert ga is not None
    assert (beta.model_parameter, beta.api_version) == ("deployment", "2025-04-01-preview")
    assert (ga.socket_path, ga.model_parameter, ga.api_version) == ("/openai/v1/realtime", "model", None)


def test_a_url_names_a_model_or_an_intent_and_never_both() -> None:
    assert socket_query(Dialect.GA, SessionKind.CONVERSATION, "m") == (("model", "m"),)
    assert socket_query(Dialect.GA, SessionKind.TRANSCRIPTION, "m") == (("intent", "transcription"),)
    assert socket_query(Dialect.TRANSLATION, SessionKind.TRANSLATION, "m") == (("model", "m"),)


def test_a_browser_offers_a_third_subprotocol_only_in_the_beta() -> None:
    assert browser_subprotocols(Dialect.GA, "ek_1") == ("realtime", "openai-insecure-api-key.ek_1")
    assert browser_subprotocols(Dialect.BETA, "ek_1") == (
        "realtime",
        "openai-insecure-api-key.ek_1",
        "openai-beta.realtime-v1",
    )


@pytest.mark.parametrize(
    ("answer", "secret", "expiry"),
    [
        ({"value": "ek_1", "expires_at": 7, "session": {}}, "ek_1", 7),
        ({"id": "sess_1", "expires_at": 0, "client_secret": {"value": "ek_2", "expires_at": 9}}, "ek_2", 9),
        ({"id": "sess_1", "expires_at": 3600, "client_secret": {"value": "ek_2", "expires_at": 9}}, "ek_2", 9),
        ({"client_secret": None}, None, None),
        ({"value": ""}, None, None),
        ({"value": 5, "expires_at": "soon"}, None, None),
        ({}, None, None),
    ],
)
def test_a_secret_is_found_in_either_place(answer: dict[str, object], secret: str | None, expiry: int | None) -> None:
    assert find_client_secret(answer) == secret
    assert find_secret_expiry(answer) == expiry


@pytest.mark.parametrize(
    ("frame", "dialect", "kind", "why"),
    [
        (
            {"type": "session.created", "session": {"type": "realtime"}},
            Dialect.GA,
            SessionKind.CONVERSATION,
            "session.type",
        ),
        (
            {"type": "session.created", "session": {"type": "transcription", "object": "x"}},
            Dialect.GA,
            SessionKind.TRANSCRIPTION,
            "session.type",
        ),
        (
            {"type": "session.created", "session": {"type": "translation", "audio": {}}},
            Dialect.TRANSLATION,
            SessionKind.TRANSLATION,
            "translation",
        ),
        ({"type": "session.created", "session": {"audio": {}}}, Dialect.GA, SessionKind.CONVERSATION, "session.audio"),
        (
            {"type": "session.created", "session": {"modalities": ["text"], "voice": "alloy"}},
            Dialect.BETA,
            SessionKind.CONVERSATION,
            "session.modalities",
        ),
        (
            {
                "type": "session.created",
                "session": {"object": "realtime.transcription_session", "input_audio_format": "pcm16"},
            },
            Dialect.BETA,
            SessionKind.TRANSCRIPTION,
            "input_audio_format",
        ),
        ({"type": "transcription_session.created"}, Dialect.BETA, SessionKind.TRANSCRIPTION, "beta dialect only"),
        ({"type": "conversation.created", "conversation": {}}, None, SessionKind.CONVERSATION, "xAI-like"),
        ({"type": "session.created", "session": {"id": "sess_1", "model": "m"}}, None, None, "vLLM-like"),
        ({"type": "session.created", "session": {"id": "s", "type": ["?"]}}, None, None, "session.type has a value"),
        ({"type": "session.created"}, None, None, "vLLM-like"),
        ({"type": "transcription.delta"}, None, SessionKind.TRANSCRIPTION, "vLLM-like"),
        ({"type": "ping"}, None, None, "Inworld-like"),
        ({"type": "session.started"}, None, None, "Live API"),
        ({"type": "error", "error": {"code": "beta_api_shape_disabled"}}, Dialect.GA, None, "speaks GA"),
        ({"type": "error", "error": {"code": "invalid_api_key"}}, None, None, "refused"),
        ({"type": "error", "error": None}, None, None, "refused"),
        ({"type": "response.done"}, None, None, "not a first event"),
        ({"type": 7}, None, None, "no type"),
        ({}, None, None, "no type"),
    ],
)
def test_the_first_frame_gives_the_dialect_away(
    frame: dict[str, object], dialect: Dialect | None, kind: SessionKind | None, why: str
) -> None:
    found = detect_dialect(frame)
    assert (found.dialect, found.kind) == (dialect, kind)
    assert why in found.reason


@pytest.mark.parametrize(
    ("field", "dialect"),
    [
        ("audio", Dialect.GA),
        ("output_modalities", Dialect.GA),
        ("max_output_tokens", Dialect.GA),
        ("modalities", Dialect.BETA),
        ("input_audio_format", Dialect.BETA),
        ("output_audio_format", Dialect.BETA),
        ("input_audio_transcription", Dialect.BETA),
        ("max_response_output_tokens", Dialect.BETA),
        ("voice", Dialect.BETA),
        ("turn_detection", Dialect.BETA),
        ("temperature", Dialect.BETA),
    ],
)
def test_one_field_of_a_session_is_enough(field: str, dialect: Dialect) -> None:
    frame = {"type": "session.created", "session": {"id": "sess_1", "model": "m", field: None}}
    assert detect_dialect(frame).dialect is dialect


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["session.created", "error"]) | _JSON},
        optional={
            "session": _JSON | st.fixed_dictionaries({"type": _JSON, "object": _JSON}),
            "error": _JSON | st.fixed_dictionaries({"code": _JSON}),
        },
    )
)
def test_any_frame_can_be_checked(frame: dict[str, object]) -> None:
    found = detect_dialect(frame)
    assert isinstance(found, DetectedDialect)
    assert found.reason


@pytest.mark.parametrize(
    "session",
    [
        {"audio": 5, "type": []},
        {"audio": {}, "type": 5},
        {"audio": []},
        {"type": "realtime", "audio": 5},
        {"output_modalities": "text"},
        {"modalities": "text"},
        {"voice": 5, "turn_detection": None},
        {"object": {}, "audio": {}},
    ],
)
def test_a_session_whose_fields_do_not_fit_is_of_no_dialect(session: dict[str, object]) -> None:
    detected = detect_dialect({"type": "session.created", "session": session})
    assert (detected.dialect, detected.kind) == (None, None)
    assert "has a value that no dialect uses" in detected.reason


def test_null_fits_everywhere() -> None:
    session = {"type": "realtime", "audio": None, "output_modalities": None, "max_output_tokens": None}
    assert detect_dialect({"type": "session.created", "session": session}).dialect is Dialect.GA
