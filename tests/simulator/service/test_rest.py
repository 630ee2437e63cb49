"""The REST side as requests and answers, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.simulator.service.models import OTHER_MODELS
from bridge.simulator.service.server import Simulator
from bridge.simulator.settings import Settings
from bridge.transport.http import HttpRequest

NOVEMBER = 1_795_219_200
SECRETS = "/v1/realtime/client_secrets"
Answer = tuple[int, dict[str, Any]]


async def ask(path: str, body: bytes | None = None, key: str = "sk-1", simulator: Simulator | None = None) -> Answer:
    simulator = simulator or Simulator(Settings(unix_time=lambda: NOVEMBER))
    headers = (("authorization", f"Bearer {key}"),)
    method = "GET" if body is None else "POST"
    request = HttpRequest(method=method, path=path, query={}, target=path, headers=headers, body=body or b"")
    answer = await simulator.http(request)
    return answer.status, json.loads(answer.body)


async def mint(path: str, **session: Any) -> tuple[int, str | None, str | None]:
    body = session if path.endswith("sessions") else {"session": session}
    status, answer = await ask(path, json.dumps(body).encode())
    error = answer.get("error", {})
    return status, error.get("code"), error.get("param")


ADDRESSES = ["/v1/models", "/v1/models/gpt-realtime-2.1", "/v1/models/none", "/v1/files", "/openai/v1/models/x", "/"]


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize(
    ("key", "status"),
    [("sk-invalid1", 401), ("sk-scenario-wrong-country", 403), ("sk-scenario-no-such", 401)],
)
async def test_a_key_that_is_refused_everywhere_is_refused_at_every_address(path: str, key: str, status: int) -> None:
    assert (await ask(path, key=key))[0] == status
    assert (await ask(path, b"{}", key=key))[0] == status


@pytest.mark.parametrize("verb", ["accept", "hangup", "refer", "reject"])
async def test_nothing_can_be_done_to_a_call_that_does_not_exist(verb: str) -> None:
    for prefix in ("/v1", "/openai/v1"):
        status, answer = await ask(f"{prefix}/realtime/calls/rtc_1/{verb}", b"{}", key="sk-12345678")
        assert (status, answer["error"]["code"]) == (404, "call_id_not_found")
    status, answer = await ask(f"/openai/realtime/calls/rtc_1/{verb}", b"{}", key="sk-12345678")
    assert (status, answer["error"]["code"]) == (404, None)


async def test_a_fault_of_the_models_is_one_of_each_model_too() -> None:
    assert (await ask("/v1/models/gpt-realtime-2.1"))[0] == 200
    simulator = Simulator()
    simulator.choose("mint-404")
    assert (await ask("/v1/models/gpt-realtime-2.1", simulator=simulator))[0] == 200


@pytest.mark.parametrize("body", [b"[" * 2_000, b'{"session":' * 2_000 + b"1" + b"}" * 2_000, b"{", b"[]", b"\xff"])
async def test_a_body_that_cannot_be_read_is_a_400_with_an_error_object(body: bytes) -> None:
    status, answer = await ask(SECRETS, body)
    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")


async def test_parameters_nested_without_end_are_refused_while_minting() -> None:
    deep = b'{"a":' * 300 + b"1" + b"}" * 300
    tools = b'[{"type":"function","name":"f","parameters":' + deep + b"}]"
    status, answer = await ask(SECRETS, b'{"session":{"type":"realtime","tools":' + tools + b"}}")
    assert (status, answer["error"]["param"]) == (400, "session.tools[0].parameters")


@pytest.mark.parametrize("name", [None, "gpt-realtime-2.1", "gpt-realtime-mini", "gpt-4o-realtime-preview"])
async def test_realtime_models_mint_and_removed_previews_too(name: str | None) -> None:
    named = {} if name is None else {"model": name}
    assert await mint(SECRETS, type="realtime", **named) == (200, None, None)
    assert await mint("/v1/realtime/sessions", **named) == (200, None, None)


async def test_a_model_that_there_is_not_is_404_while_minting() -> None:
    assert await mint(SECRETS, type="realtime", model="nonsense-1") == (404, "model_not_found", "session.model")
    assert await mint("/v1/realtime/sessions", model="nonsense-1") == (404, "model_not_found", "model")
    path = "/v1/realtime/translations/client_secrets"
    assert await mint(path, model="nonsense-1") == (404, "model_not_found", "session.model")


@pytest.mark.parametrize("name", ["whisper-1", "gpt-realtime-translate", *OTHER_MODELS])
async def test_a_model_that_belongs_elsewhere_is_400_while_minting(name: str) -> None:
    assert await mint(SECRETS, type="realtime", model=name) == (400, "invalid_model", "session.model")


async def test_a_translation_is_minted_for_a_model_that_translates_only() -> None:
    path = "/v1/realtime/translations/client_secrets"
    assert await mint(path, model="gpt-realtime-translate") == (200, None, None)
    assert await mint(path, model="gpt-realtime-2.1") == (400, "invalid_model", "session.model")


async def test_a_deployment_may_have_any_name() -> None:
    assert await mint("/openai/v1/realtime/client_secrets", type="realtime", model="our-voice") == (200, None, None)
