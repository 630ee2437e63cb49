"""The URL of a bridge, as users write it."""

from __future__ import annotations

import pytest

from bridge.config.resolve import ConfigError
from probes.runner.redaction import Secrets
from probes.targets.bridge import BridgeTarget, EndpointKind, make_bridge_target
from reports.redaction import Secret
from tests.probes.bridge.faulty_bridge import config

MODEL = "model=gpt-realtime-2.1"


def made(url: str, token: str | None = None, environment: dict[str, str] | None = None, **flags: str) -> BridgeTarget:
    secret = None if token is None else Secret(token)
    return make_bridge_target(url, secret, config(**flags), secrets=Secrets(), environment=environment or {})


@pytest.mark.parametrize(
    ("typed", "url", "endpoint"),
    [
        ("localhost:8765", "ws://localhost:8765/api/openai/realtime", EndpointKind.CLIENT),
        ("10.0.0.7", "ws://10.0.0.7/api/openai/realtime", EndpointKind.CLIENT),
        ("[::1]:8765", "ws://[::1]:8765/api/openai/realtime", EndpointKind.CLIENT),
        ("voice.example.com", "wss://voice.example.com/api/openai/realtime", EndpointKind.CLIENT),
        ("http://localhost:8765/", "ws://localhost:8765/api/openai/realtime", EndpointKind.CLIENT),
        ("https://voice.example.com/voice", "wss://voice.example.com/voice", EndpointKind.CLIENT),
        (
            " wss://h.example/api/openai/realtime?model=x ",
            "wss://h.example/api/openai/realtime?model=x",
            EndpointKind.CLIENT,
        ),
        ("http://localhost:8765/v1", f"ws://localhost:8765/v1/realtime?{MODEL}", EndpointKind.NATIVE),
        ("localhost:8765/v1/realtime", f"ws://localhost:8765/v1/realtime?{MODEL}", EndpointKind.NATIVE),
        ("ws://h/realtime?model=mine", "ws://h/realtime?model=mine", EndpointKind.NATIVE),
        ("ws://h/v1/realtime?intent=transcription", "ws://h/v1/realtime?intent=transcription", EndpointKind.NATIVE),
        ("ws://h/realtime", "ws://h/realtime", EndpointKind.CLIENT),
    ],
)
def test_a_url_is_completed_and_its_endpoint_recognized(typed: str, url: str, endpoint: EndpointKind) -> None:
    target = made(typed)
    assert (target.url, target.endpoint_kind) == (url, endpoint)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "the URL is empty"),
        ("ws:/h", "two slashes"),
        ("ftp://h", "unknown scheme 'ftp'"),
        ("ws://u:p@h", "user name or password"),
        ("ws://h:99999", "port"),
        ("ws://h/x#part", "#"),
        ("ws://", "has no host"),
    ],
)
def test_an_invalid_url_is_explained(typed: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as raised:
        made(typed)
    assert str(raised.value).startswith("the bridge's URL: ")


def test_a_model_that_was_asked_for_is_asked_for_and_a_default_is_not() -> None:
    assert made("localhost:1").model == ""
    assert made("localhost:1", model="gpt-realtime-mini").model == "gpt-realtime-mini"
    assert made("localhost:1/v1", model="gpt-realtime-mini").url.endswith("?model=gpt-realtime-mini")


def test_the_pages_stand_beside_the_doors() -> None:
    assert made("localhost:1").page_url("/healthz") == "http://localhost:1/healthz"
    assert made("https://h.example/voice/v1").page_url("/healthz") == "https://h.example/voice/healthz"
    assert made("https://h.example/mine").page_url("/healthz") == "https://h.example/healthz"


def test_the_token_goes_as_bearer_and_is_shown_as_a_hint_only() -> None:
    target = made("localhost:1", "a-token-for-the-tests-0123456789")
    assert target.headers() == (("Authorization", "Bearer a-token-for-the-tests-0123456789"),)
    assert [e.value for e in target.describe()][:2] == ["ws://localhost:1/api/openai/realtime", "client protocol"]
    assert "a-token" not in str(target.describe())
    assert made("localhost:1").headers() == ()
    assert target.warnings == ()


def test_a_secret_in_the_address_is_hidden_wherever_it_stands() -> None:
    target = made("ws://localhost:1/api/openai/realtime?ticket=0123456789abcdef&page=2")
    (url, *_) = target.describe()
    assert "0123456789abcdef" not in url.value
    assert target.secrets.redact("it says 0123456789abcdef") != "it says 0123456789abcdef"
    assert target.endpoint.target.endswith("?ticket=0123456789abcdef&page=2")


def test_the_environment_names_the_proxy_but_not_for_this_machine() -> None:
    environment = {"HTTPS_PROXY": "http://user:a-long-password@proxy.example:3128"}
    target = made("wss://voice.example.com", environment=environment)
    assert target.proxy_name == "proxy.example:3128 of HTTPS_PROXY"
    assert target.proxy is not None
    assert target.proxy.authorization is not None
    login = target.proxy.authorization.reveal().removeprefix("Basic ")
    assert login not in target.secrets.redact(f"it says {login}")
    assert made("localhost:1", environment={"HTTP_PROXY": "http://proxy:1"}).proxy is None
    with pytest.raises(ConfigError, match="socks"):
        made("wss://voice.example.com", environment={"ALL_PROXY": "socks5://proxy:1"})
