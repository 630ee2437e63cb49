"""A target is made from the configuration; a wrong URL or proxy is reported before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.config.resolve import ConfigError, Flags, read_config
from bridge.protocol.dialects.detection import Dialect
from probes.runner.redaction import Secrets
from probes.targets.service import make_service_target

At = Callable[..., Any]


@pytest.mark.parametrize(
    ("base_url", "words"),
    [
        ("htp://x/v1", "write http://"),
        ("api.openai.com/v1", "put https:// in front"),
        ("127.0.0.1:8766/v1", "put http:// in front"),
        ("localhost:8766", "put http:// in front"),
        ("[::1]:8766/v1", "put http:// in front"),
        ("10.1.2.3/v1", "put http:// in front"),
        ("8.8.8.8:80/v1", "put https:// in front"),
        ("https:/api.openai.com", "two slashes"),
        ("https://user:hunter2secret@x/v1", "user name or password"),
        ("https://x/v1?key=1", "no '?'"),
        ("https://", "has no host"),
    ],
)
def test_an_invalid_url_is_refused_with_a_clear_message(at: At, base_url: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        at(base_url)
    assert str(caught.value).startswith("--base-url: ")
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_head_names_address_model_and_key_without_showing_it(at: At) -> None:
    described = [e.value for e in at("https://api.openai.com/v1/").describe()]
    assert described == ["https://api.openai.com/v1", "gpt-realtime-2.1", "key sk-…KLMN (OPENAI_API_KEY)"]


@pytest.mark.parametrize("base_url", ["https://mine.openai.azure.com", "https://gateway.example.com/v1"])
def test_azure_is_reached_where_its_resource_or_a_gateway_is_named(base_url: str) -> None:
    flags, environment = Flags(azure=True, base_url=base_url), {"OPENAI_API_KEY": "sk-x"}
    config = read_config(flags, environment, Path(), with_key=True)
    assert make_service_target(config, environment, secrets=Secrets()).upstream.azure


def test_azures_key_never_goes_to_the_public_api_for_want_of_an_address() -> None:
    config = read_config(Flags(azure=True), {"OPENAI_API_KEY": "sk-x"}, Path(), with_key=True)
    with pytest.raises(ConfigError, match=r"^--azure: .* --base-url https://RESOURCE\.openai\.azure\.com$"):
        make_service_target(config, {}, secrets=Secrets())


def test_a_dialect_that_was_asked_for_is_named(at: At) -> None:
    target = at("https://api.openai.com/v1", dialect="beta")
    assert target.dialect is Dialect.BETA
    assert "dialect beta" in [e.value for e in target.describe()]


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"HTTPS_PROXY": "http://p:3128"}, "p:3128 of HTTPS_PROXY"),
        ({"https_proxy": "http://q:3128", "HTTPS_PROXY": "http://p:3128"}, "q:3128 of https_proxy"),
        ({"ALL_PROXY": "p:8080"}, "p:8080 of ALL_PROXY"),
        ({"HTTP_PROXY": "http://p:3128"}, ""),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "openai.com"}, ""),
    ],
)
def test_the_proxy_is_named_with_its_variable(at: At, environment: dict[str, str], name: str) -> None:
    assert at("https://api.openai.com/v1", environment=environment).proxy_name == name


def test_a_proxy_that_can_not_be_used_is_refused_by_its_variable(at: At) -> None:
    with pytest.raises(ConfigError, match=r"ALL_PROXY: .*socks5"):
        at("https://api.openai.com/v1", environment={"ALL_PROXY": "socks5://p:1080"})


def test_a_proxy_s_credentials_are_known_as_a_secret(at: At) -> None:
    target = at("https://api.openai.com/v1", environment={"HTTPS_PROXY": "http://me:pass-word@p:3128"})
    assert target.proxy.authorization.reveal() not in target.secrets.redact(target.proxy.authorization.reveal())


@pytest.mark.parametrize(
    ("base_url", "flags", "azure"),
    [
        ("https://x.openai.azure.com", {}, True),
        ("https://x.openai.azure.com", {"azure": False}, False),
        ("https://gateway.example.com", {"azure": True}, True),
        ("https://api.openai.com/v1", {}, False),
    ],
)
def test_azure_is_recognized_by_its_host_unless_configured(
    at: At, base_url: str, flags: dict[str, Any], azure: bool
) -> None:
    assert at(base_url, **flags).upstream.azure is azure
