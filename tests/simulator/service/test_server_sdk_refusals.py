"""How each refusal of a session reaches the official SDK: the error as the first event, then the recorded close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openai.types.realtime import RealtimeErrorEvent, SessionCreatedEvent

from bridge.protocol.models import DEFAULT_MODEL
from bridge.simulator.embedded import simulator_in_thread
from bridge.simulator.faults.registry import parse_fault
from bridge.simulator.settings import Settings
from tests.simulator.sdk_client import (
    SDK_DEPRECATION_FILTER,
    Closed,
    Refused,
    connect_sdk,
    connect_sdk_beta,
    sdk_client,
)

if TYPE_CHECKING:
    from bridge.simulator.embedded import RunningSimulator

pytestmark = SDK_DEPRECATION_FILTER


def refused(running: RunningSimulator, **how: Any) -> Refused:
    with connect_sdk(running, **how) as sdk:
        return sdk.refused()


@pytest.mark.parametrize(
    ("key", "error_type", "code", "close"),
    [
        ("sk-invalid-1", "invalid_request_error", "invalid_api_key", 3000),
        ("not-a-key", "invalid_request_error", "invalid_api_key", 3000),
        ("ek_0123456789abcdef0123456789abcdef", "invalid_request_error", "invalid_api_key", 3000),
        ("sk-noquota-1", "insufficient_quota", "insufficient_quota", 1013),
        ("sk-nomodel-1", "invalid_request_error", "model_not_found", 4004),
        ("sk-scenario-model-gone", "invalid_request_error", "model_not_found", 4004),
        ("sk-scenario-invalid-intent", "invalid_request_error", "invalid_intent", 4000),
        ("sk-scenario-credit-exhausted", "insufficient_quota", "credit_balance_exhausted", 1013),
        ("sk-scenario-project-limit", "insufficient_quota", "project_spend_limit_exceeded", 1013),
    ],
)
def test_a_key_is_refused_with_its_code_and_the_close_names_it(
    realtime_simulator: RunningSimulator, key: str, error_type: str, code: str, close: int
) -> None:
    refusal = refused(realtime_simulator, key=key)

    assert (refusal.type, refusal.code) == (error_type, code)
    assert refusal.close == Closed(close, f"{error_type}.{code}")


def test_no_credential_at_all_has_no_code_and_its_type_as_reason(realtime_simulator: RunningSimulator) -> None:
    refusal = refused(realtime_simulator, headers={"Authorization": ""})

    assert refusal.code is None
    assert "Missing bearer" in refusal.message
    assert refusal.close == Closed(3000, "invalid_request_error")


@pytest.mark.parametrize(
    ("model", "query", "code", "close"),
    [
        (None, {}, "missing_model", 4000),
        ("gpt-5.2-realtime-that-never-was", {}, "model_not_found", 4004),
        ("gpt-4o-realtime-preview", {}, "model_not_found", 4004),
        ("gpt-4o-transcribe", {}, "invalid_model", 4000),
        ("gpt-live-1", {}, "invalid_model", 4000),
        (DEFAULT_MODEL, {"intent": "transcription"}, "invalid_model", 4000),
        (None, {"intent": "dictation"}, "invalid_intent", 4000),
    ],
)
def test_a_wrong_query_is_refused(
    realtime_simulator: RunningSimulator, model: str | None, query: dict[str, str], code: str, close: int
) -> None:
    refusal = refused(realtime_simulator, model=model, query=query)

    assert refusal.code == code
    assert refusal.close == Closed(close, f"invalid_request_error.{code}")


def test_the_beta_header_is_fatal(realtime_simulator: RunningSimulator) -> None:
    refusal = refused(realtime_simulator, headers={"OpenAI-Beta": "realtime=v1"})

    assert refusal.code == "beta_api_shape_disabled"
    assert refusal.close == Closed(4000, "invalid_request_error.beta_api_shape_disabled")


def test_the_old_path_of_the_sdk_cannot_connect_any_more(realtime_simulator: RunningSimulator) -> None:
    with connect_sdk_beta(realtime_simulator) as sdk:
        refusal = sdk.refused()

    assert refusal.code == "beta_api_shape_disabled"
    assert refusal.close == Closed(4000, "invalid_request_error.beta_api_shape_disabled")


def test_the_credential_is_checked_before_the_dialect_and_the_model(realtime_simulator: RunningSimulator) -> None:
    refusal = refused(realtime_simulator, key="sk-invalid", model=None, headers={"OpenAI-Beta": "realtime=v1"})

    assert refusal.code == "invalid_api_key"


def test_a_session_ends_at_its_maximum_duration() -> None:
    with (
        simulator_in_thread(Settings(faults=(parse_fault("expire:seconds=0.3"),))) as running,
        connect_sdk(running) as sdk,
    ):
        close = sdk.rest()

    assert sdk.types == ["session.created", "error"]
    error = sdk.of(RealtimeErrorEvent)[0].error
    assert error.code == "session_expired"
    assert close == Closed(1001, error.message)
    assert "maximum duration of 60 minutes" in close.reason


def test_a_session_ages_by_the_time_scale() -> None:
    with simulator_in_thread(Settings(time_scale=10_000.0)) as running, connect_sdk(running) as sdk:
        close = sdk.rest()

    assert sdk.of(RealtimeErrorEvent)[0].error.code == "session_expired"
    assert close.code == 1001


def test_the_sdk_takes_an_expired_session_for_a_clean_end() -> None:
    with simulator_in_thread(Settings(faults=(parse_fault("expire:seconds=0.1"),))) as running:
        with sdk_client(running) as client, client.realtime.connect(model=DEFAULT_MODEL) as connection:
            types = [event.type for event in connection]
        record = running.journal.sessions()[0]

    assert types == ["session.created", "error"]
    assert (record.close_code, record.closed_by_client) == (1001, False)


def test_a_temporary_refusal_admits_the_third_attempt(realtime_simulator: RunningSimulator) -> None:
    key = realtime_simulator.key_for("flaky-session")
    closes = [refused(realtime_simulator, key=key).close.code for _ in range(2)]
    with connect_sdk(realtime_simulator, key=key) as sdk:
        sdk.until(SessionCreatedEvent)

    assert closes == [1011, 1011]


def test_a_key_with_an_unknown_scenario_is_refused_with_a_list_of_scenarios(
    realtime_simulator: RunningSimulator,
) -> None:
    refusal = refused(realtime_simulator, key="sk-scenario-nonsense")

    assert refusal.code == "invalid_api_key"
    assert "no scenario 'nonsense'" in refusal.message
    assert "no-quota" in refusal.message
