"""The REST side through the official SDK: minting, models, and refusals as the exceptions of the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import openai
import pytest
from openai.types.realtime import RealtimeErrorEvent, SessionCreatedEvent

from bridge.protocol.models import DEFAULT_MODEL
from bridge.simulator.embedded import simulator_in_thread
from bridge.simulator.settings import Settings
from tests.simulator.sdk_client import SDK_DEPRECATION_FILTER, connect_sdk, sdk_client

if TYPE_CHECKING:
    from bridge.simulator.embedded import RunningSimulator

pytestmark = SDK_DEPRECATION_FILTER

#: 2026-11-20: before every announced shutdown except those of May 2026.
NOW = 1_795_132_800.0


def mint(running: RunningSimulator, key: str | None = None, session: Any = None, **more: Any) -> Any:
    wanted: Any = session or {"type": "realtime"}
    with sdk_client(running, key) as client:
        return client.realtime.client_secrets.create(session=wanted, **more)


@pytest.mark.parametrize(
    ("scenario", "raised", "status", "code", "retry_after"),
    [
        ("invalid-key", openai.AuthenticationError, 401, "invalid_api_key", None),
        ("mint-quota", openai.RateLimitError, 429, "insufficient_quota", None),
        ("rate-limited", openai.RateLimitError, 429, "rate_limit_exceeded", "20"),
        ("no-access", openai.PermissionDeniedError, 403, None, None),
        ("mint-404", openai.NotFoundError, 404, None, None),
        ("mint-500", openai.InternalServerError, 500, None, None),
        ("mint-503", openai.InternalServerError, 503, "server_is_overloaded", "5"),
    ],
)
def test_a_refused_mint_raises_with_status_code_and_request_id(
    realtime_simulator: RunningSimulator,
    scenario: str,
    raised: type[openai.APIStatusError],
    status: int,
    code: str | None,
    retry_after: str | None,
) -> None:
    with pytest.raises(raised) as caught:
        mint(realtime_simulator, realtime_simulator.key_for(scenario))

    error = caught.value
    assert (error.status_code, error.code) == (status, code)
    assert error.response.headers.get("retry-after") == retry_after
    assert (error.request_id or "").startswith("req_")
    assert error.message.startswith(f"Error code: {status} - ")


def test_an_invalid_key_is_refused_over_rest(realtime_simulator: RunningSimulator) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        mint(realtime_simulator, "wrong")

    assert caught.value.code == "invalid_api_key"


def test_a_missing_key_is_refused_over_rest(realtime_simulator: RunningSimulator) -> None:
    with pytest.raises(openai.AuthenticationError, match="Missing bearer") as caught:
        mint(realtime_simulator, extra_headers={"Authorization": openai.omit})

    assert caught.value.code is None


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"type": "realtime", "modalities": ["text"]}, "unknown_parameter", "session.modalities"),
        ({"model": DEFAULT_MODEL}, "missing_required_parameter", "session.type"),
        ({"type": "realtime", "output_modalities": ["smell"]}, "invalid_value", "session.output_modalities[0]"),
    ],
)
def test_a_wrong_session_is_refused_when_it_is_minted(
    realtime_simulator: RunningSimulator, session: Any, code: str, param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        mint(realtime_simulator, session=session)

    assert (caught.value.code, caught.value.param) == (code, param)


def test_turn_detection_for_a_model_without_it_is_refused_when_it_is_minted(
    realtime_simulator: RunningSimulator,
) -> None:
    audio_input = {"transcription": {"model": "gpt-live-transcribe"}, "turn_detection": {"type": "server_vad"}}
    with pytest.raises(openai.BadRequestError) as caught:
        mint(realtime_simulator, session={"type": "transcription", "audio": {"input": audio_input}})

    assert (caught.value.code, caught.value.param) == ("invalid_value", "session.audio.input.turn_detection")


def test_a_lifetime_outside_the_limits_is_refused(realtime_simulator: RunningSimulator) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        mint(realtime_simulator, expires_after={"anchor": "created_at", "seconds": 5})

    assert caught.value.param == "expires_after.seconds"


def test_models_are_listed_with_their_shutdown(realtime_simulator: RunningSimulator) -> None:
    with sdk_client(realtime_simulator) as client:
        models = {model.id: cast("Any", model) for model in client.models.list()}
        one = client.models.retrieve(DEFAULT_MODEL)

    assert one.id == DEFAULT_MODEL
    assert models[DEFAULT_MODEL].shutdown_date is None
    assert models["gpt-realtime"].shutdown_date == "2027-01-20"
    assert "gpt-4o-realtime-preview" not in models


def test_a_project_without_realtime_models_lists_none_and_finds_none(realtime_simulator: RunningSimulator) -> None:
    with sdk_client(realtime_simulator, realtime_simulator.key_for("no-model")) as client:
        ids = [model.id for model in client.models.list()]
        with pytest.raises(openai.NotFoundError) as caught:
            client.models.retrieve(DEFAULT_MODEL)

    assert ids
    assert not [name for name in ids if "realtime" in name]
    assert caught.value.code == "model_not_found"


def test_an_unknown_path_is_404(realtime_simulator: RunningSimulator) -> None:
    with sdk_client(realtime_simulator) as client, pytest.raises(openai.NotFoundError, match="Invalid URL"):
        client.chat.completions.create(model="gpt-5.2", messages=[])


def test_a_secret_is_bound_to_its_session_and_opens_several(realtime_simulator: RunningSimulator) -> None:
    tool = {"type": "function", "name": "get_balance", "description": "Look it up.", "parameters": {"type": "object"}}
    minted = mint(
        realtime_simulator,
        session={"type": "realtime", "instructions": "Speak of money.", "tools": [tool], "output_modalities": ["text"]},
    )
    opened = []
    for _ in range(2):
        with connect_sdk(realtime_simulator, key=minted.value) as sdk:
            opened.append(cast("Any", sdk.until(SessionCreatedEvent).session))

    assert [session.instructions for session in opened] == ["Speak of money."] * 2
    assert [session.tools[0].name for session in opened] == ["get_balance"] * 2
    assert opened[0].output_modalities == ["text"]
    assert opened[0].id != opened[1].id


def test_a_secret_determines_model_and_scenario(realtime_simulator: RunningSimulator) -> None:
    with_model = mint(realtime_simulator, session={"type": "realtime", "model": "gpt-realtime-2.1-mini"})
    with connect_sdk(realtime_simulator, key=with_model.value, model=None) as sdk:
        created = cast("Any", sdk.until(SessionCreatedEvent).session)
    without_credit = mint(realtime_simulator, realtime_simulator.key_for("no-quota"))
    with connect_sdk(realtime_simulator, key=without_credit.value) as sdk:
        refusal = sdk.refused()

    assert created.model == "gpt-realtime-2.1-mini"
    assert refusal.code == "insufficient_quota"


def test_a_transcription_secret_opens_a_transcription_session(realtime_simulator: RunningSimulator) -> None:
    audio_input = {"transcription": {"model": "gpt-live-transcribe"}, "turn_detection": None}
    minted = mint(realtime_simulator, session={"type": "transcription", "audio": {"input": audio_input}})
    with connect_sdk(realtime_simulator, key=minted.value, model=None) as sdk:
        created = cast("Any", sdk.until(SessionCreatedEvent).session)

    assert minted.session.type == created.type == "transcription"
    assert created.audio.input.transcription.model == "gpt-live-transcribe"
    assert created.audio.input.turn_detection is None


def test_a_secret_expires_and_a_running_session_outlives_it() -> None:
    clock = [NOW]
    with simulator_in_thread(Settings(unix_time=lambda: clock[0])) as running:
        minted = mint(running, expires_after={"anchor": "created_at", "seconds": 30})
        usual = mint(running)
        clock[0] = NOW + 29
        with connect_sdk(running, key=minted.value) as sdk:
            sdk.until(SessionCreatedEvent)
            clock[0] = NOW + 30
            sdk.connection.session.update(session={"type": "realtime"})
            alive = sdk.next()
        with connect_sdk(running, key=minted.value) as sdk:
            refusal = sdk.refused()

    assert cast("Any", alive).type == "session.updated"
    assert (minted.expires_at, usual.expires_at) == (NOW + 30, NOW + 600)
    assert (refusal.code, refusal.close.code) == ("invalid_api_key", 3000)


def test_minting_proves_nothing_about_the_model(realtime_simulator: RunningSimulator) -> None:
    minted = mint(realtime_simulator, session={"type": "realtime", "model": "gpt-4o-realtime-preview"})
    with connect_sdk(realtime_simulator, key=minted.value, model=None) as sdk:
        refusal = sdk.refused()

    assert minted.value.startswith("ek_")
    assert (refusal.code, refusal.close.code) == ("model_not_found", 4004)
    assert len(sdk.of(RealtimeErrorEvent)) == 1


def test_the_sdks_old_minting_gives_a_nested_secret_that_lasts_a_minute() -> None:
    with simulator_in_thread(Settings(dialect="both", unix_time=lambda: NOW)) as running, sdk_client(running) as client:
        session = client.beta.realtime.sessions.create(model="gpt-realtime", instructions="As in 2024.")
        transcription = client.beta.realtime.transcription_sessions.create(input_audio_format="pcm16")

    assert session.client_secret.value.startswith("ek_")
    assert session.client_secret.expires_at == NOW + 60
    assert session.instructions == "As in 2024."
    assert transcription.client_secret.value.startswith("ek_")
    assert transcription.input_audio_format == "pcm16"
