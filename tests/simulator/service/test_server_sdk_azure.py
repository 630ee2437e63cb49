"""Azure and browsers: other URLs, other credentials, refusals over HTTP before the upgrade."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest
from openai import AzureOpenAI, OpenAI
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from bridge.protocol.models import DEFAULT_MODEL
from tests.simulator.sdk_client import SDK_DEPRECATION_FILTER, TIMEOUT_SECONDS, Closed, close_on_timeout, sdk_client

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from websockets.sync.client import ClientConnection

    from bridge.simulator.embedded import RunningSimulator

pytestmark = SDK_DEPRECATION_FILTER

AZURE_KEY = "0123456789abcdef0123456789abcdef"
BROWSER_KEY = "openai-insecure-api-key."


@contextmanager
def dialled(
    running: RunningSimulator, target: str, headers: Mapping[str, str] | None = None, subprotocols: Sequence[str] = ()
) -> Iterator[ClientConnection]:
    address = f"ws://{running.host}:{running.port}{target}"
    offered = [Subprotocol(name) for name in subprotocols] or None
    with connect(
        address, additional_headers=headers or {}, subprotocols=offered, open_timeout=TIMEOUT_SECONDS
    ) as socket:
        yield socket


def frame_of(socket: ClientConnection) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(socket.recv(timeout=TIMEOUT_SECONDS)))


def refused_over_http(running: RunningSimulator, target: str, headers: Mapping[str, str]) -> tuple[int, str | None]:
    """Connect, and return status and error code of the refusal."""
    with pytest.raises(InvalidStatus) as caught, dialled(running, target, headers):
        pass
    response = caught.value.response
    assert response.headers["x-request-id"].startswith("req_")
    return response.status_code, json.loads(response.body or b"")["error"]["code"]


# Azure


@pytest.mark.parametrize(
    "headers", [{"api-key": AZURE_KEY}, {"Authorization": "Bearer eyJ0eXAiOiJKV1QifQ.e30.c2ln"}], ids=["key", "entra"]
)
def test_an_azure_address_takes_a_deployment_of_any_name(
    realtime_simulator: RunningSimulator, headers: dict[str, str]
) -> None:
    with dialled(realtime_simulator, "/openai/v1/realtime?model=our-voice", headers) as socket:
        created = frame_of(socket)

    assert created["type"] == "session.created"
    assert created["session"]["type"] == "realtime"
    assert created["session"]["model"] == "our-voice"


def test_an_azure_address_takes_the_key_in_the_query(realtime_simulator: RunningSimulator) -> None:
    with dialled(realtime_simulator, f"/openai/v1/realtime?model=our-voice&api-key={AZURE_KEY}") as socket:
        assert frame_of(socket)["type"] == "session.created"


def test_an_azure_transcription_is_asked_for_by_intent(realtime_simulator: RunningSimulator) -> None:
    with dialled(realtime_simulator, "/openai/v1/realtime?intent=transcription", {"api-key": AZURE_KEY}) as socket:
        assert frame_of(socket)["session"]["type"] == "transcription"


def test_an_azure_session_lasts_half_an_hour(realtime_simulator: RunningSimulator) -> None:
    started = realtime_simulator.simulator.settings.unix_time()
    with dialled(realtime_simulator, "/openai/v1/realtime?model=our-voice", {"api-key": AZURE_KEY}) as socket:
        session = frame_of(socket)["session"]

    assert session["expires_at"] == pytest.approx(started + 1_800, abs=20)


@pytest.mark.parametrize(
    ("target", "headers", "status", "code"),
    [
        ("/openai/v1/realtime?model=our-voice", {}, 401, "401"),
        ("/openai/v1/realtime?model=our-voice", {"api-key": "typo"}, 401, "401"),
        (
            "/openai/v1/realtime?model=our-voice&api-version=2025-04-01-preview",
            {"api-key": AZURE_KEY},
            401,
            "401",
        ),
        ("/openai/v1/realtime?model=gpt-4o-transcribe", {"api-key": AZURE_KEY}, 400, "OpperationNotSupported"),
        ("/openai/v1/realtime", {"api-key": AZURE_KEY}, 400, "missing_model"),
        ("/openai/v1/realtime?model=our-voice", {"api-key": "sk-noquota"}, 429, "insufficient_quota"),
        ("/openai/v1/realtime?model=our-voice", {"api-key": "sk-nomodel"}, 404, "DeploymentNotFound"),
        ("/openai/realtime-of-old?model=our-voice", {"api-key": AZURE_KEY}, 404, None),
    ],
)
def test_azure_refuses_over_http_before_the_upgrade(
    realtime_simulator: RunningSimulator, target: str, headers: dict[str, str], status: int, code: str | None
) -> None:
    assert refused_over_http(realtime_simulator, target, headers) == (status, code)


def test_a_secret_minted_at_azures_address_opens_azures_socket(realtime_simulator: RunningSimulator) -> None:
    with OpenAI(base_url=realtime_simulator.azure_url, api_key=AZURE_KEY, max_retries=0) as client:
        minted = client.realtime.client_secrets.create(session={"type": "realtime", "instructions": "Speak Dutch."})
    bearer = {"Authorization": f"Bearer {minted.value}"}
    with dialled(realtime_simulator, "/openai/v1/realtime?model=our-voice", bearer) as socket:
        created = frame_of(socket)

    assert created["session"]["instructions"] == "Speak Dutch."


def test_the_sdks_azure_client_still_uses_the_preview_endpoint_and_gets_the_beta_dialect(
    realtime_simulator: RunningSimulator,
) -> None:
    running = realtime_simulator
    with (
        AzureOpenAI(
            azure_endpoint=f"http://{running.host}:{running.port}",
            websocket_base_url=f"ws://{running.host}:{running.port}/openai",
            api_version="2025-04-01-preview",
            api_key=AZURE_KEY,
            max_retries=0,
        ) as client,
        client.realtime.connect(model="our-voice") as connection,
        close_on_timeout(connection),
    ):
        created = json.loads(connection.recv_bytes())

    assert "modalities" in created["session"]
    assert running.journal.requests["GET /openai/realtime websocket"] == 1


# Browsers


@pytest.mark.parametrize("more", [(), ("openai-agents-sdk.0.1.0",)], ids=["plain", "agents-sdk"])
def test_a_browser_brings_its_secret_as_a_subprotocol(
    realtime_simulator: RunningSimulator, more: tuple[str, ...]
) -> None:
    with sdk_client(realtime_simulator) as client:
        minted = client.realtime.client_secrets.create(session={"type": "realtime", "instructions": "From a page."})
    offered = ("realtime", f"{BROWSER_KEY}{minted.value}", *more)
    with dialled(realtime_simulator, f"/v1/realtime?model={DEFAULT_MODEL}", subprotocols=offered) as socket:
        created = frame_of(socket)

    assert socket.subprotocol == "realtime"
    assert created["session"]["instructions"] == "From a page."


def test_the_browsers_beta_triple_is_refused(realtime_simulator: RunningSimulator) -> None:
    key = realtime_simulator.api_key.reveal()
    offered = ("realtime", f"{BROWSER_KEY}{key}", "openai-beta.realtime-v1")
    with dialled(realtime_simulator, f"/v1/realtime?model={DEFAULT_MODEL}", subprotocols=offered) as socket:
        refusal = _watch(socket)

    assert refusal == ("beta_api_shape_disabled", Closed(4000, "invalid_request_error.beta_api_shape_disabled"))


def test_a_browser_with_a_bad_secret_is_refused_after_the_101(realtime_simulator: RunningSimulator) -> None:
    offered = ("realtime", f"{BROWSER_KEY}ek_unknown")
    with dialled(realtime_simulator, f"/v1/realtime?model={DEFAULT_MODEL}", subprotocols=offered) as socket:
        refusal = _watch(socket)

    assert refusal == ("invalid_api_key", Closed(3000, "invalid_request_error.invalid_api_key"))


def _watch(socket: ClientConnection) -> tuple[str | None, Closed]:
    """Return the code of the only event and of the close."""
    code = frame_of(socket)["error"]["code"]
    with pytest.raises(ConnectionClosedError):
        socket.recv(timeout=TIMEOUT_SECONDS)
    return code, Closed(socket.close_code or 0, socket.close_reason or "")
